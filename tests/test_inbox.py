"""The inbox: one held request tells a user of everything."""

import pytest

from tests.test_processes import NEVER


def held(server, who):
    """An inbox request that the server holds, and the cursor that it has."""
    cursor = who.inbox().json["cursor"]
    waiting = who.await_inbox(cursor)
    server.wait_until(lambda workers: sum(each["held_polls"] for each in workers.values()) > 0)
    return waiting


def test_a_request_arrives_in_the_agent_s_inbox(server, client, agent):
    waiting = held(server, agent)
    asked = client.ask(agent_id=agent.id, message="Bonjour")
    answer = waiting.result().json
    (card,) = answer["sessions"]
    assert (card["id"], card["status"], card["unread"]) == (asked["id"], "waiting", 1)
    assert card["client"]["name"] == "Camille Moreau"
    assert card["last_message"]["message"] == "Bonjour"
    assert card["waiting_seconds"] == 0
    assert answer["longPolling"] is True


def test_an_agent_sees_how_long_a_client_waits_for_an_answer_and_in_which_language(server, talk):
    def card(who=talk.agent):
        found = who.inbox().json["sessions"][0]
        return found["unanswered_seconds"], found["client_language"]

    talk.agent.send(talk.id, "Je vous écoute")
    assert card() == (None, None)
    client_id = talk.agent.show(talk.id)["client"]["id"]
    server.database.write(
        lambda db: db.conn.execute("UPDATE users SET language = 'fr' WHERE id = ?", [client_id])
    )
    for text in ("Une question", "Vous êtes là ?"):
        talk.client.send(talk.id, text)
        server.advance(30)
    # Since the first of them; and it is the agent's to know.
    waited, language = card()
    assert (60 <= waited < 90, language) == (True, "fr")
    assert card(talk.client) == (None, None)
    talk.agent.send(talk.id, "Oui")
    assert card() == (None, "fr")


def test_a_request_to_any_is_in_every_agent_s_queue_until_one_takes_it(server, client, agent):
    other = server.person("agent")
    asked = client.ask()
    for each in (agent, other):
        assert asked["id"] in [card["id"] for card in each.inbox().json["sessions"]]
    cursor = other.inbox().json["cursor"]
    agent.do("accept", asked["id"])
    answer = other.inbox(cursor=cursor).json
    assert (answer["sessions"], answer["removed"]) == ([], [asked["id"]])
    agent.send(asked["id"], "Je vous écoute")
    assert other.inbox(cursor=answer["cursor"]).json["removed"] == []


@pytest.mark.parametrize("change", ["message", "end", "pause", "read"])
def test_every_change_of_an_own_session_arrives(server, client, agent, change):
    asked = client.ask(agent_id=agent.id, message="Bonjour")["id"]
    agent.do("accept", asked)
    agent.send(asked, "Oui ?")
    waiting = held(server, agent)
    if change == "message":
        client.send(asked, "Voilà")
    elif change == "read":
        client.post("/api/chat/read", {"chat_session_id": asked, "message_id": 2**40})
    else:
        client.do(change, asked)
    (card,) = waiting.result().json["sessions"]
    assert card["id"] == asked
    assert card["unread"] == (2 if change == "message" else 1)
    expected = {"end": "ended", "pause": "paused"}.get(change, "active")
    assert card["status"] == expected
    if change == "read":
        assert card["client_read_id"] == card["last_message_id"]


def test_nothing_of_others_arrives(server, client, agent):
    cursor = client.inbox().json["cursor"]
    stranger, other = server.person("client"), server.person("agent")
    asked = stranger.ask(agent_id=other.id)
    other.do("accept", asked["id"])
    for each in (client, agent):
        answer = each.inbox(cursor=cursor, longPoll="true", wait="0.3").json
        assert (answer["sessions"], answer["removed"], answer["longPolling"]) == ([], [], True)


def test_ended_sessions_are_the_history_page_by_page(server, client, agent):
    ids = []
    for _ in range(5):
        ids.append(client.ask(agent_id=agent.id)["id"])
        client.do("end", ids[-1])
    assert client.inbox().json["sessions"] == []
    page = client.inbox(status="ended", limit=3).json
    assert ([card["id"] for card in page["sessions"]], page["has_more"]) == (ids[:1:-1], True)
    page = client.inbox(status="ended", limit=3, beforeSessionId=ids[2]).json
    assert ([card["id"] for card in page["sessions"]], page["has_more"]) == (ids[1::-1], False)


def test_changes_come_in_pages_without_a_gap(server, agent):
    cursor = agent.inbox().json["cursor"]
    ids = [server.person("client").ask(agent_id=agent.id)["id"] for _ in range(7)]
    seen, more = [], True
    while more:
        page = agent.inbox(cursor=cursor, limit=3).json
        seen += [card["id"] for card in page["sessions"]]
        cursor, more = page["cursor"], page["has_more"]
    assert seen == ids


def test_who_waits_sees_the_queue_move(server, agent):
    clients = [server.person("client") for _ in range(3)]
    asked = [each.ask(agent_id=agent.id)["id"] for each in clients]
    assert [each.show(one)["position"] for each, one in zip(clients, asked, strict=True)] == [1, 2, 3]
    cursor = clients[2].fetch(asked[2]).json["cursor"]
    agent.do("decline", asked[0])
    assert clients[2].show(asked[2])["position"] == 2
    assert clients[2].fetch(asked[2], cursor=cursor, longPoll="true").json["session"]["position"] == 2


def test_a_cursor_ahead_is_told_to_start_again(client):
    answer = client.inbox(cursor=2**50)
    assert (answer.status, answer.json["code"]) == (410, "cursor_reset")


@pytest.mark.parametrize("doorbell", [0, 1])
def test_a_request_crosses_processes(start, doorbell):
    interval = NEVER if doorbell else 0.5
    near = start(doorbell=doorbell, check_interval_seconds=interval)
    far = start(folder=near.folder, doorbell=doorbell, check_interval_seconds=interval)
    client, agent = near.person("client"), near.person("agent")
    there = far.client(agent.token)
    waiting = there.await_inbox(there.inbox().json["cursor"])
    far.wait_until_held(1)
    asked = client.ask(agent_id=agent.id)
    assert [card["id"] for card in waiting.result().json["sessions"]] == [asked["id"]]


def test_changes_of_one_moment_are_not_lost_between_pages(server, agent):
    """One who leaves the queue moves all others up at once."""
    asked = [server.person("client").ask(agent_id=agent.id)["id"] for _ in range(7)]
    cursor = agent.inbox().json["cursor"]
    agent.do("decline", asked[0])
    seen, more = set(), True
    while more:
        page = agent.inbox(cursor=cursor, limit=2).json
        seen |= {card["id"] for card in page["sessions"]}
        cursor, more = page["cursor"], page["has_more"]
    assert seen == set(asked)


def live(who, cursor, peers="", **query):
    return who.inbox(cursor=cursor, peers=peers, **query).json


def test_a_live_inbox_brings_the_messages_that_changed(talk):
    before = live(talk.client, 0)
    talk.agent.send(talk.id, "one")
    talk.agent.send(talk.id, "two", client_message_id="k")
    answer = live(talk.client, before["cursor"])
    assert [each["message"] for each in answer["sessions"][0]["messages"]] == ["one", "two"]
    assert answer["sessions"][0]["messages"] == [
        each for each in talk.client.fetch(talk.id).json["messages"] if each["message"] in ("one", "two")
    ]
    assert "messages" not in talk.client.inbox(cursor=before["cursor"]).json["sessions"][0]


def test_a_live_inbox_leaves_many_messages_to_who_asks_for_them(talk):
    before = live(talk.client, 0)["cursor"]
    for number in range(21):
        talk.agent.send(talk.id, f"message {number}")
    assert live(talk.client, before)["sessions"][0]["messages"] is None
    assert len(talk.client.fetch(talk.id, cursor=before).json["messages"]) == 21


def test_a_request_to_any_agent_shows_no_messages_to_one_who_has_not_accepted(client, agent):
    before = live(agent, 0)["cursor"]
    asked = client.ask(message="to whom it may concern")
    card = next(each for each in live(agent, before)["sessions"] if each["id"] == asked["id"])
    assert card["messages"] is None
    assert [each["message"] for each in live(client, 0)["sessions"][0]["messages"]] == [
        "to whom it may concern"
    ]
    client.do("cancel", asked["id"])  # The queue is everybody's.


def test_typing_wakes_a_live_inbox_and_no_other(talk):
    talk.settle()
    cursor = live(talk.agent, 0)["cursor"]
    peers = live(talk.agent, cursor)["peers"]
    assert set(peers) == {str(talk.id)}
    told = ",".join(":".join(pair) for pair in peers.items())
    held = talk.agent.await_inbox(cursor, peers=told)
    talk.client.post("/api/chat/typing", {"chat_session_id": talk.id, "typing": True})
    answer = held.result().json
    while answer["peers"] != {str(talk.id): "typing"}:
        told = ",".join(":".join(pair) for pair in answer["peers"].items())
        answer = talk.agent.await_inbox(answer["cursor"], peers=told).result().json
    assert answer["longPolling"] is True
    assert "peers" not in talk.agent.inbox(cursor=answer["cursor"]).json


def test_a_live_inbox_says_that_what_it_brought_has_arrived(talk):
    talk.agent.send(talk.id, "did you get this?")
    cursor = live(talk.client, 0)["cursor"]
    last_id = talk.last_id
    live(talk.client, cursor)
    session = talk.agent.show(talk.id)
    while session["client_delivered_id"] < last_id:
        talk.agent.await_inbox(session["revision"]).result()
        session = talk.agent.show(talk.id)
    assert session["client_read_id"] < last_id


@pytest.mark.parametrize("peers", ["45", "45:typing;46:online", "45:<b>", "x:typing", ",", "45:typing,"])
def test_peers_that_are_none_are_refused(talk, peers):
    answer = talk.client.inbox(cursor=0, peers=peers)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")
    assert answer.json["field"] == "peers"
