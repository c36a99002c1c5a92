"""Read, delivered, typing, and who is there."""

import json
from time import monotonic

import pytest

from tests.streams import SSE, WS

SOAKED = [pytest.param(path, marks=pytest.mark.soak) for path in ("stream", "ws/{id}")]


@pytest.fixture
def talk(server):
    return server.conversation()


def cursor_of(talk):
    return talk.client.fetch(talk.id).json["cursor"]


def test_reading_is_told_to_the_other_side_and_to_no_plain_client(server, talk):
    newest = talk.settle()
    answer = talk.agent.fetch(talk.id)
    told = talk.agent.poll(talk.id, cursor=answer.json["cursor"], peer=answer.json["peer"])
    plain = talk.agent.poll(talk.id, lastMessageId=newest)
    server.wait_until(lambda workers: sum(each["held_polls"] for each in workers.values()) >= 2)
    talk.client.post("/api/chat/read", {"chat_session_id": talk.id, "message_id": newest})
    follow(talk.agent, talk.id, told, lambda answer: answer["session"]["client_read_id"] == newest)
    assert not plain.done()
    talk.client.send(talk.id, "Lu")
    assert plain.result().texts == ["Lu"]
    assert [message["is_read"] for message in talk.agent.fetch(talk.id).json["messages"]] == [0, 1, 0]


def test_a_read_mark_only_goes_forward_and_never_beyond_the_end(talk):
    newest = talk.last_id
    for message_id in (2**60, 1):
        answer = talk.client.post("/api/chat/read", {"chat_session_id": talk.id, "message_id": message_id})
        assert answer.status == 200
        assert talk.client.fetch(talk.id).json["session"]["client_read_id"] == newest


def test_returning_a_message_is_not_reading_it(talk):
    talk.agent.send(talk.id, "Vous voyez ?")
    talk.client.fetch(talk.id)
    assert talk.agent.fetch(talk.id).json["messages"][-1]["is_read"] == 0


def test_asking_for_what_is_newer_says_what_has_arrived(talk):
    sent = talk.agent.send(talk.id, "Bien arrivé ?").json["messageId"]
    answer = talk.agent.fetch(talk.id).json
    assert answer["session"]["client_delivered_id"] < sent
    talk.client.fetch(talk.id, lastMessageId=sent)
    while answer["session"]["client_delivered_id"] < sent:
        answer = talk.agent.fetch(talk.id, cursor=answer["cursor"], longPoll="true").json
    assert answer["session"]["client_read_id"] < sent


@pytest.mark.parametrize("path", ["stream/{id}", "ws", *SOAKED])
def test_only_what_a_stream_handed_over_has_arrived(start, path):
    """Opened without a cursor it tells of what comes; what was there has arrived when it is fetched."""
    talk = start().conversation()
    talk.settle()
    older = talk.agent.send(talk.id, "Déjà là").json["messageId"]
    follower = WS if path.startswith("ws") else SSE
    with follower(talk.client, f"/api/chat/{path.format(id=talk.id)}") as told:
        told.one("open")
        newer = talk.agent.send(talk.id, "Vient d'arriver").json["messageId"]
        assert told.one("message").data["id"] == newer
        talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id})
        told.one("typing", lambda data: "typing" in json.dumps(data))
        assert arrived(talk, "agent", newer)["client_delivered_id"] < older
        talk.client.fetch(talk.id, lastMessageId=newer)
        arrived(talk, "client", newer)
        newest = talk.agent.send(talk.id, "Et encore").json["messageId"]
        arrived(talk, "client", newest)


def arrived(talk, side, message_id):
    """The session, once this message has arrived there."""
    if side == "agent":
        talk.agent.fetch(talk.id, lastMessageId=message_id)
    answer = talk.agent.fetch(talk.id).json
    while answer["session"][f"{side}_delivered_id"] < message_id:
        answer = talk.agent.fetch(talk.id, cursor=answer["cursor"], longPoll="true").json
    return answer["session"]


def test_typing_is_told_and_ends_with_the_message(server, talk):
    talk.settle()
    answer = talk.client.fetch(talk.id).json
    assert answer["peer"] == "online"
    poll = talk.client.poll(talk.id, cursor=answer["cursor"], peer="online")
    server.wait_until(lambda workers: sum(each["held_polls"] for each in workers.values()) >= 1)
    for _ in range(3):
        typed = talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id, "typing": True})
        assert typed.status == 200
    answer = follow(talk.client, talk.id, poll, lambda answer: answer["peer"] == "typing")
    assert answer["messages"] == []
    poll = talk.client.poll(talk.id, cursor=answer["cursor"], peer="typing")
    talk.agent.send(talk.id, "Voilà")
    answer = follow(talk.client, talk.id, poll, lambda answer: answer["messages"])
    assert talk.client.fetch(talk.id, cursor=answer["cursor"]).json["peer"] == "online"


def follow(who, chat_session_id, poll, condition):
    """Poll on, as a page does, until an answer is as it should be."""
    while not condition(answer := poll.result().json):
        poll = who.poll(chat_session_id, cursor=answer["cursor"], peer=answer["peer"])
    return answer


def test_typing_stops_by_itself(talk):
    cursor = cursor_of(talk)
    talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id, "typing": True})
    peer = "typing"
    while peer == "typing":
        answer = talk.client.fetch(talk.id, cursor=cursor, peer="typing", longPoll="true").json
        peer, cursor = answer["peer"], answer["cursor"]
    assert peer == "online"


def test_typing_crosses_processes(start):
    near = start()
    far = start(folder=near.folder)
    talk = near.conversation()
    talk.settle()
    there = far.client(talk.client.token)
    answer = there.fetch(talk.id).json
    poll = there.poll(talk.id, cursor=answer["cursor"], peer=answer["peer"])
    far.wait_until_held(1)
    talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id, "typing": True})
    follow(there, talk.id, poll, lambda answer: answer["peer"] == "typing")


def test_an_outsider_neither_reads_nor_types(server, talk):
    outsider = server.person("client")
    for path in ("read", "typing"):
        answers = [
            outsider.post(f"/api/chat/{path}", {"chat_session_id": number, "message_id": 1})
            for number in (talk.id, 2**62)
        ]
        assert [answer.status for answer in answers] == [404, 404]
        assert answers[0].body == answers[1].body


def test_who_holds_a_poll_is_there(start, worker_class):
    """The client only polls: it stays present, and the clock runs on."""
    server = start(worker_class=worker_class, workers=2)
    client, agent = server.person("client"), server.person("agent")
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    agent.send(asked, "Prenez votre temps")
    held = client.poll(asked, lastMessageId=1)
    server.wait_until_held(1)
    server.advance(60, away=(client.id,))
    while client.show(asked)["client"]["presence"] != "online":
        pass
    agent.do("end", asked)
    assert held.result().json["session"]["status"] == "ended"
    assert agent.show(asked)["end_reason"] == "ended_by_agent"


def test_absence_stops_the_clock_and_coming_back_starts_it(start):
    server = start()
    client, agent = server.person("client"), server.person("agent")
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    began = monotonic()
    agent.send(asked, "Bonjour")
    server.advance(70)
    server.advance(50, away=(client.id,))
    cursor = agent.fetch(asked).json["cursor"]
    session = agent.fetch(asked, cursor=cursor - 1, longPoll="true").json["session"]
    assert (session["status"], session["pause_reason"]) == ("paused", "client_absent")
    assert 65 <= session["duration_seconds"] <= 71 + monotonic() - began
    poll = client.poll(asked, lastMessageId=1)
    while session["status"] != "active":
        answer = agent.fetch(asked, cursor=cursor, longPoll="true").json
        session, cursor = answer["session"], answer["cursor"]
    client.do("end", asked)
    assert poll.result().json["session"]["duration_minutes"] == 2


def test_the_readme_s_lines_work_an_hour_later(start, run):
    server = start()
    made = json.loads(run(server, "demo", "--json"))["sessions"][0]
    client, agent = (server.client(made["tokens"][side]) for side in ("client", "agent"))
    for _ in range(4):
        server.advance(900, away=(1, 2))
        assert client.fetch(made["id"]).json["session"]["status"] == "paused"
    poll = client.poll(made["id"], lastMessageId=2)
    server.wait_until_held(1)
    assert agent.send(made["id"], "Bonjour !").status == 201
    answer = poll.result()
    assert answer.texts == ["Bonjour !"]
    assert answer.json["session"]["duration_minutes"] <= 1
    server.wait_until(lambda _: client.fetch(made["id"]).json["session"]["status"] == "active")


@pytest.fixture
def absent(server):
    """An agent who takes requests, and whose browser is closed."""
    assert server.client().get("/healthz").status == 200  # Its clock is set when it starts.
    agent = server.person("agent", "Dr Absente")
    server.advance(50, away=(agent.id,))
    return agent


def state_of(who, agent):
    cards = who.get(f"/api/chat/agents?afterAgentId={agent.id - 1}&limit=1").json["agents"]
    return cards[0]["status"], cards[0]["is_online"]


def test_who_is_not_there_is_not_available(server, absent):
    client = server.person("client")
    assert state_of(client, absent) == ("absent", False)
    refused = client.post("/api/chat/sessions", {"agent_id": absent.id})
    assert (refused.status, refused.json["code"]) == (409, "agent_absent")
    # One to any agent waits for whoever comes.
    asked = client.ask(message="Quelqu'un ?")
    assert asked["status"] == "waiting"
    assert absent.post("/api/chat/agents/me", {"available": True}).json["agent"]["status"] == "available"
    assert state_of(client, absent) == ("available", True)
    assert absent.do("accept", asked["id"]).status == 200


def test_whose_browser_is_open_is_there(server, absent):
    client = server.person("client")
    assert absent.get("/api/chat/sessions").status == 200
    while state_of(client, absent) != ("available", True):
        pass


def test_nobody_is_handed_to_who_is_not_there(server, absent):
    client, agent, dear = server.person("client"), server.person("agent"), server.person("agent", "Dr", 900)
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    refused = agent.do("transfer", asked, agent_id=absent.id)
    assert (refused.status, refused.json["code"]) == (409, "agent_absent")
    assert agent.do("transfer", asked, agent_id=dear.id).status == 200
    offer = client.show(asked)["transfer"]
    server.advance(50, away=(dear.id,))
    agreed = {"agent_id": dear.id, "rate_per_minute": offer["rate_per_minute"]}
    refused = client.do("transfer/agree", asked, **agreed)
    assert (refused.status, refused.json["code"]) == (409, "agent_absent")
    assert client.show(asked)["agent"]["id"] == agent.id
