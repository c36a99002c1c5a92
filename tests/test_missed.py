"""A request to any agent that nobody took is seen afterwards, and answered; asking again is the client's."""

import pytest

from tests.pages.visitor import Visitor


@pytest.fixture
def server(site):
    return site


@pytest.fixture
def missed(client, agent):
    """One that its client has taken back, while the agent was there: its id."""
    asked = client.ask(message="My landlord keeps the deposit.")["id"]
    client.do("cancel", asked)
    return asked


def listed(agent):
    return {each["id"]: each for each in agent.get("/api/chat/missed").json["missed"]}


def askers(agent):
    """Whose requests are in the inbox."""
    return [each["client"]["id"] for each in agent.inbox().json["sessions"]]


def answer(agent, session, text="I am here now."):
    return agent.post(f"/api/chat/missed/{session}/answer", {"answer": text})


def test_who_could_have_taken_it_sees_what_was_missed(server, client, agent, missed):
    other, taken = server.person("agent"), server.person("client").ask(message="Take me")["id"]
    agent.do("accept", taken)
    direct = client.ask(agent_id=agent.id)["id"]
    client.do("cancel", direct)
    found = listed(agent)
    assert {taken, direct}.isdisjoint(found)
    one = found[missed]
    assert (one["client"], one["message"]) == (
        {"id": client.id, "name": "Camille Moreau"},
        "My landlord keeps the deposit.",
    )
    assert (one["end_reason"], one["answer"], one["answers"]) == ("cancelled", None, 0)
    assert missed not in listed(other)  # They came later.
    assert client.get("/api/chat/missed").status == 403
    assert server.person("admin").get("/api/chat/missed").status == 403


def test_one_that_expired_is_missed_for_some_days(start):
    server = start()
    client, agent = server.person("client"), server.person("agent")
    asked = client.ask(message="Anybody?")["id"]
    held = agent.await_inbox(agent.inbox().json["cursor"])
    server.advance(121)
    assert held.result().json["removed"] == [asked]
    assert listed(agent)[asked]["end_reason"] == "expired"
    assert answer(agent, asked).status == 201
    server.advance(8 * 86_400)
    assert listed(agent) == {}
    assert answer(agent, asked).status == 404
    assert client.get("/api/chat/answers").json["answers"] == []


def test_an_answer_reaches_its_client_who_asks_again_at_the_price_shown(server, client, agent, missed):
    cursor = client.inbox().json["cursor"]
    held = client.await_inbox(cursor)
    assert answer(agent, missed, "I am <b>here</b> now.").status == 201
    assert [each["id"] for each in held.result().json["sessions"]] == [missed]
    again = answer(agent, missed)
    assert (again.status, again.json["code"]) == (409, "already_answered")
    assert (listed(agent)[missed]["answer"], listed(agent)[missed]["answers"]) == ("I am <b>here</b> now.", 1)
    (told,) = client.get("/api/chat/answers").json["answers"]
    assert (told["agent"]["id"], told["message"]) == (agent.id, "I am <b>here</b> now.")
    visitor = Visitor(server, client)
    for place in ("/agents", f"/sessions/{missed}"):
        page = visitor.open(place)
        assert "I am <b>here</b> now." in page.text
        asking = page.link(rf"/sessions/new\?agent_id={agent.id}")
    page = visitor.open(asking)
    assert "Request, with obligation to pay, €2.50 a minute" in page.text
    assert client.id not in askers(agent)
    visitor.fill(page, "/sessions", message="At last")
    assert client.id in askers(agent)
    # Whoever is asked has nothing to be asked for any more.
    assert client.get("/api/chat/answers").json["answers"] == []


def test_nobody_else_sees_or_gives_an_answer(server, client, agent, missed):
    other = server.person("agent")
    assert answer(other, missed).status == 404
    assert answer(client, missed).status == 403
    assert answer(agent, missed, "For you alone").status == 201
    stranger = server.person("client")
    assert stranger.get("/api/chat/answers").json["answers"] == []
    assert agent.get("/api/chat/answers").status == 403
    assert Visitor(server, stranger).open(f"/sessions/{missed}").status == 404


def test_who_blocks_the_client_neither_sees_nor_is_seen(server, client, agent, missed):
    colleague = server.person("agent")
    session = client.ask(agent_id=agent.id)["id"]
    agent.do("decline", session)
    later = client.ask(message="Again")["id"]
    client.do("cancel", later)
    assert answer(agent, later).status == 201
    assert answer(colleague, later).status == 201
    agent.post("/api/chat/blocks", {"client_id": client.id})
    assert client.id not in [each["client"]["id"] for each in listed(agent).values()]
    assert answer(agent, missed).status == 404
    told = client.get("/api/chat/answers").json["answers"]
    assert [each["agent"]["id"] for each in told] == [colleague.id]


def test_missed_requests_are_answered_on_the_pages(server, client, agent, missed):
    desk = Visitor(server, agent)
    place = desk.open("/inbox").link("/missed")
    form = f"/missed/{missed}/answer"
    assert "My landlord keeps the deposit." in desk.open(place).text
    blank = desk.fill(place, form, answer=" ")
    assert (blank.status, blank.alert) == (400, "An answer has 1 to 1000 characters.")
    shown = desk.fill(blank, form, answer="Do you have the inventory?")
    assert "You answered: Do you have the inventory?" in shown.text
    assert form not in [each["action"] for each in shown.posts]
    assert desk.post(form, answer="?").status == 409
    assert "Do you have the inventory?" in Visitor(server, client).open("/agents").text


def test_all_of_them_are_there_page_by_page(server, agent):
    ids = []
    for _ in range(3):
        client = server.person("client")
        ids.append(client.ask()["id"])
        client.do("cancel", ids[-1])
    first = agent.get("/api/chat/missed?limit=2").json
    assert ([each["id"] for each in first["missed"]], first["has_more"]) == ([ids[2], ids[1]], True)
    rest = agent.get(f"/api/chat/missed?limit=1&beforeSessionId={ids[1]}").json
    assert [each["id"] for each in rest["missed"]] == [ids[0]]
