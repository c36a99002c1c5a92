"""A request that waits: where it stands, for how long, at which price; and if nobody came, the same again."""

import pytest

from tests.pages.visitor import Visitor
from tests.server import Server

WORDS = "May I sublet?\n\nIt is two rooms."


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server whose clock these tests set, each with people of its own."""
    folder = tmp_path_factory.mktemp("house")
    with Server(folder, free_seconds=180, spending_limit="20.00", sessions_per_agent=50) as running:
        yield running


@pytest.fixture
def server(house):
    return house


def measure(house, agent, *seconds, ask_any=False):
    """The agent accepts requests that have waited for so long."""
    for each in seconds:
        client = house.person("client")
        asked = client.ask(**({} if ask_any else {"agent_id": agent.id}))["id"]
        house.advance(each)
        agent.do("accept", asked)
        client.do("end", asked)


def be_there(*people):
    for each in people:
        each.inbox()


def test_what_is_expected_is_what_was_measured(house, client, agent):
    measure(house, agent, 10, 20, 30, 40)
    asked = client.ask(agent_id=agent.id)
    assert client.show(asked["id"])["expected_wait"] is None  # Too few to say anything.
    client.do("cancel", asked["id"])
    measure(house, agent, 100, *[30] * 3, *[50] * 4)
    asked = client.ask(agent_id=agent.id)["id"]
    told = client.show(asked)["expected_wait"]
    assert (told["requests"], told["half_within_seconds"] // 2, told["most_within_seconds"] // 2) == (
        *(12, 15, 25),
    )
    # What is asked of any agent is another queue, and another agent's is none of ours.
    other = house.person("agent")
    for who in ({"agent_id": other.id}, {}):
        mine = client.ask(**who)["id"]
        assert client.show(mine)["expected_wait"] is None
        client.do("cancel", mine)
    measure(house, agent, *[5] * 5, ask_any=True)
    asked = client.ask()["id"]
    assert client.show(asked)["expected_wait"]["requests"] == 5
    assert "expected_wait" not in client.fetch(asked).json["session"]
    agent.do("accept", asked)
    assert "expected_wait" not in client.show(asked)


def test_the_waiting_room_says_what_there_is_to_know(house, visit, client, agent):
    measure(house, agent, *[30] * 6)
    house.person("client").ask(agent_id=agent.id)
    asked = client.ask(agent_id=agent.id, message=WORDS)
    visitor = visit(house, client)
    visitor.open(f"/sessions/{asked['id']}")
    room = visitor.page.locator("[data-room]")
    told = " ".join(room.inner_text().split())
    for each in ("Place in the queue 2", "at most €2.50 a minute", "€20.00", "of the last 6 accepted"):
        assert each in told
    for each in ("It costs nothing yet", "The first 3 min are free.", "Each begun minute counts"):
        assert each in told
    house.advance(100)
    be_there(client, agent)
    visitor.page.reload()
    assert 0 < int(room.locator("[data-expiry]").evaluate("bar => bar.value")) <= 20
    assert room.locator("[data-countdown]").inner_text() in [f"(0:{each:02d})" for each in range(21)]
    # In front, the first one is taken: the place is another, without a reload.
    first = min(each["id"] for each in agent.inbox().json["sessions"])
    agent.do("decline", first)
    room.locator("[data-position]", has_text="1").wait_for()
    agent.do("accept", asked["id"])
    room.wait_for(state="hidden")
    visitor.page.locator(".event", has_text="has accepted: €2.50 a minute.").wait_for()
    assert visitor.page.locator("#again").is_hidden()


def test_when_it_expires_the_same_words_go_to_all_with_a_tap(house, visit, client, agent):
    dear = house.person("agent", "Me Cher", rate_cents=900)
    asked = client.ask(agent_id=agent.id, message=WORDS)["id"]
    client.send(asked, "And a balcony.")
    visitor = visit(house, client)
    visitor.open(f"/sessions/{asked}")
    visitor.await_connection("live")
    house.advance(121)
    be_there(client, agent, dear)
    again = visitor.page.locator("#again")
    button = again.get_by_role(
        "button", name="Ask all agents, with obligation to pay, at most €2.50 a minute"
    )
    button.wait_for()
    visitor.page.locator(".event", has_text="Nobody answered in time").wait_for()
    row = again.locator("li", has_text="Me Cher")
    assert row.get_by_role("button").inner_text() == "Ask, with obligation to pay, €9.00 a minute"
    visitor.follow(button)
    (new,) = client.inbox().json["sessions"]
    assert (new["agent"], new["max_rate"], new["spending_limit"]) == (None, 2.5, 20)
    assert client.fetch(new["id"]).texts == [f"{WORDS}\n\nAnd a balcony."]
    assert visitor.page.url.endswith(f"/sessions/{new['id']}")


def test_a_refusal_offers_others_and_the_price_is_the_one_that_is_shown(house, client, agent):
    ben = house.person("agent", "Ben", rate_cents=100)
    be_there(agent, ben)
    asked = client.ask(agent_id=agent.id, message=WORDS)["id"]
    agent.do("decline", asked)
    visitor = Visitor(house, client)  # Without scripts.
    page = visitor.open(f"/sessions/{asked}")
    assert "The agent cannot take it now. It has cost nothing" in page.text
    forms = {
        form["fields"]["agent_id"]: form["fields"] for form in page.posts if "agent_id" in form["fields"]
    }
    assert forms[str(ben.id)]["message"] == WORDS
    ben.post("/api/chat/agents/me", {"rate_per_minute": 3})
    refused = visitor.post("/sessions", **forms[str(ben.id)])
    assert (refused.status, refused.form("/sessions")["message"]) == (409, WORDS)
    assert refused.alert.startswith("A minute costs more by now")
    # And now knowing it.
    here = visitor.fill(refused, "/sessions")
    assert here.path != page.path
    assert client.inbox().json["sessions"][0]["max_rate"] == 3


def test_words_are_kept_where_the_agent_has_left_meanwhile(house, client, agent):
    asked = client.ask(agent_id=agent.id, message=WORDS)["id"]
    visitor = Visitor(house, client)
    client.do("cancel", asked)
    form = next(
        form["fields"]
        for form in visitor.open(f"/sessions/{asked}").posts
        if form["fields"].get("agent_id") == str(agent.id)
    )
    agent.post("/api/chat/agents/me", {"available": False})
    refused = visitor.post("/sessions", **form)
    assert (refused.status, refused.form("/sessions")["message"]) == (409, WORDS)
    anybody = visitor.fill(refused, "/sessions", any="1")
    assert (anybody.status, anybody.form("/sessions")["message"]) == (200, WORDS)
    assert "max_rate" in anybody.form("/sessions")
    # The page that it began with knows that, too, and leads on with the words.
    page = visitor.open(f"/sessions/{asked}")
    assert "Takes no requests now" in page.text
    change = visitor.open(page.link(rf"/sessions/new\?again={asked}.*"))
    assert change.form("/sessions")["message"] == WORDS
    everybody = visitor.open(page.link(rf"/agents\?again={asked}"))
    asking = visitor.open(everybody.link(rf"/sessions/new\?again={asked}"))
    assert asking.form("/sessions") | {"csrf": ""} == {
        **{"csrf": "", "message": WORDS, "max_rate": "2.50", "spending_limit": "20.00"}
    }


def test_the_words_of_others_and_of_what_was_accepted_are_not_for_asking(house, client, agent):
    asked = client.ask(agent_id=agent.id, message=WORDS)["id"]
    for who in (house.person("client"), client):
        if who is client:
            agent.do("accept", asked)
        assert Visitor(house, who).open(f"/sessions/new?again={asked}").status == 404


def test_when_the_agent_is_usually_there_is_said_once_it_was_measured(house, client, agent):
    for _ in range(2):
        measure(house, agent, 1)
        house.advance(86_400)
        be_there(agent)
    visitor = Visitor(house, client)

    def refused():
        be_there(agent)
        agent.post("/api/chat/agents/me", {"available": True})
        asked = client.ask(agent_id=agent.id)["id"]
        agent.do("decline", asked)
        agent.post("/api/chat/agents/me", {"available": False})
        return visitor.open(f"/sessions/{asked}").text

    assert "usually takes requests" not in refused()
    agent.post("/api/chat/agents/me", {"available": True})
    measure(house, agent, 1)
    assert "Dr Anaïs Laurent usually takes requests:" in refused()


def test_without_scripts_the_frame_tells_how_it_stands(house, client, agent):
    asked = client.ask(agent_id=agent.id)["id"]
    visitor = Visitor(house, client)
    room = visitor.open(f"/sessions/{asked}")
    assert "Your request is with Dr Anaïs Laurent." in room.text
    news = visitor.open(f"/sessions/{asked}/news?status=waiting").text
    assert "Place in the queue: 1 . Still " in news
    assert visitor.fill(room, f"/sessions/{asked}/cancel").text.count("You took your request back.") == 1


def test_what_is_typed_for_a_request_is_kept_until_it_is_made(house, visit, client, agent):
    visitor = visit(house, client)
    path = f"/sessions/new?agent_id={agent.id}"
    visitor.open(path)
    visitor.page.fill("#message", WORDS)
    visitor.open("/agents")
    visitor.open(path)
    visitor.page.wait_for_function("words => document.getElementById('message').value === words", arg=WORDS)
    visitor.follow("text=Request, with obligation to pay")
    visitor.page.locator("[data-countdown]").wait_for()
    visitor.open("/sessions/new")
    visitor.page.fill("#max_rate", "3")
    visitor.page.get_by_role("button", name="at most €3.00 a minute").wait_for()
    assert visitor.page.input_value("#message") == ""
