"""Two people, two browsers, a real server with two workers: nothing is missed, repeated or out of order."""

import signal

import pytest

from tests.proxy import Proxy
from tests.server import CLASSES
from tests.test_talk_page import IS_AT_END, OLDER

COUNT = 50


@pytest.fixture
def running(request, site, start):
    return start(workers=2, **request.param) if hasattr(request, "param") else site


@pytest.fixture
def talk(running):
    return running.conversation()


@pytest.fixture
def client(running, talk, visit):
    visitor = visit(running, talk.client)
    visitor.open(f"/sessions/{talk.id}")
    return visitor


@pytest.fixture
def agent(running, talk, visit):
    visitor = visit(running, talk.agent)
    visitor.open(f"/sessions/{talk.id}")
    return visitor


def stored(talk):
    """All messages, as the server has them."""
    found, page = [], {"has_more": True}
    while page["has_more"]:
        last_id = found[-1]["id"] if found else 0
        page = talk.client.fetch(talk.id, lastMessageId=last_id).json
        found += page["messages"]
    return [message["message"] for message in found]


def expect_all(talk, *visitors):
    """Each of them has every message once, in the order of the server."""
    for visitor in visitors:
        visitor.page.wait_for_function(
            "count => document.querySelectorAll('.message[data-id]:not([data-id=\"\"])').length >= count",
            arg=len(stored(talk)),
        )
        assert visitor.texts() == stored(talk)


@pytest.mark.soak
@pytest.mark.parametrize("running", [{"worker_class": each} for each in CLASSES], indirect=True, ids=CLASSES)
def test_messages_of_both_are_shown_once_and_in_order(talk, client, agent):
    for number in range(COUNT):
        client.send(f"client {number}")
        agent.send(f"agent {number}")
    client.see(f"agent {COUNT - 1}")
    agent.see(f"client {COUNT - 1}")
    assert len(stored(talk)) == 2 + 2 * COUNT
    expect_all(talk, client, agent)


@pytest.mark.parametrize("running", [{}], indirect=True)
def test_fifty_messages_each_while_the_server_reloads_and_the_network_fails(running, talk, client, agent):
    for number in range(COUNT):
        if number in (10, 30):
            running.signal(signal.SIGHUP)
        if number == 20:
            client.context.set_offline(True)
            client.await_connection("offline")
        if number == 25:
            client.context.set_offline(False)
        client.send(f"client {number}")
        agent.send(f"agent {number}")
    client.see(f"agent {COUNT - 1}")
    agent.see(f"client {COUNT - 1}")
    client.await_connection("live")
    assert len(stored(talk)) == 2 + 2 * COUNT
    expect_all(talk, client, agent)


def test_what_was_not_sent_is_sent_after_a_reload_of_the_page_and_once(talk, client, agent):
    client.context.set_offline(True)
    client.send("in the tunnel")
    client.page.locator(".message.is-failed").wait_for()
    client.context.set_offline(False)
    client.page.reload()
    agent.see("in the tunnel")
    expect_all(talk, client, agent)
    assert stored(talk).count("in the tunnel") == 1


def test_a_draft_is_kept_across_a_reload(client):
    client.page.fill("#message", "half a thou")
    client.page.reload()
    assert client.page.input_value("#message") == "half a thou"
    client.send("half a thought")
    client.see("half a thought")
    client.page.reload()
    assert client.page.input_value("#message") == ""


def test_seven_tabs_of_one_person_are_all_live_over_one_connection(running, talk, client, agent):
    tabs = [client.page, *(client.tab() for _ in range(6))]
    for tab in tabs[1:]:
        tab.goto(f"/sessions/{talk.id}")
    for tab in tabs:
        client.await_connection("live", tab)
    for number in range(3):
        agent.send(f"to all {number}")
        for tab in tabs:
            client.see(f"to all {number}", tab)
    for tab in tabs:
        assert client.texts(tab) == stored(talk)
    running.wait_until_held(2)


def test_another_tab_goes_on_when_the_one_that_asks_is_closed(talk, client, agent):
    tab = client.tab()
    tab.goto(f"/sessions/{talk.id}")
    client.await_connection("live", tab)
    client.page.close()
    agent.send("still there?")
    client.see("still there?", tab)


def test_typing_reading_and_the_end_are_seen(talk, client, agent):
    client.page.type("#message", "Hel")
    agent.page.locator('[data-peer="typing"]').wait_for()
    client.send("Hello")
    agent.see("Hello")
    client.page.locator(".message.is-own", has_text="Hello").locator("[data-tick]", has_text="✓✓").wait_for()
    talk.client.do("end", talk.id)
    for visitor in (client, agent):
        own = "You ended it" if visitor is client else "Ended by the client"
        visitor.page.locator(".composer-place", has_text=own).wait_for()
        assert not visitor.page.locator("#message").is_visible()


def test_a_request_appears_in_the_inbox_and_is_accepted_while_the_client_waits(running, visit):
    camille, anais = running.person("client", "Camille Moreau"), running.person("agent", "Dr Anaïs Laurent")
    agent, client = visit(running, anais), visit(running, camille)
    agent.open("/inbox")
    client.open(f"/sessions/new?agent_id={anais.id}")
    client.page.fill("#message", "Puis-je sous-louer ?")
    client.page.click("text=Request, with obligation to pay")
    client.page.get_by_text("Place in the queue").wait_for()
    agent.page.locator('[data-section="waiting"] [data-card]', has_text="Puis-je sous-louer ?").wait_for()
    agent.page.click("[data-post=accept] button")
    client.page.locator(".talk-panel, .panel").get_by_text("Active").first.wait_for(state="attached")
    agent.page.locator(".composer").wait_for()
    agent.send("Bonjour !")
    client.see("Bonjour !")
    client.page.locator("[data-meter]:not(.is-still)").wait_for()


def test_older_messages_come_on_scrolling_up_without_a_jump(running, talk, client):
    for number in range(130):
        talk.agent.send(talk.id, f"line {number}")
    client.page.reload()
    client.see("line 129")
    assert client.texts() == stored(talk)[-50:]
    client.await_connection("live")
    client.page.wait_for_function(f"() => {{ {IS_AT_END} return isAtEnd(); }}")
    _, moved = client.page.evaluate(OLDER)
    assert abs(moved) < 4
    client.page.wait_for_function(
        """() => {
            document.querySelector("[data-log]").scrollTop = 0;
            return !document.querySelector(".earlier:not(.is-over)");
        }"""
    )
    assert client.texts() == stored(talk)
    assert not client.page.locator("[data-jump-count]").is_visible()  # What is older is not new.


def test_the_button_to_the_newest_counts_what_arrives_meanwhile(talk, client, agent):
    for number in range(40):
        talk.client.send(talk.id, f"line {number}")
    client.see("line 39")
    client.page.evaluate("() => { document.querySelector('[data-log]').scrollTop = 0; }")
    client.page.locator("[data-jump]").wait_for()
    agent.send("look here")
    agent.send("and here")
    client.page.locator("[data-jump-count]", has_text="2").wait_for()
    client.page.click("[data-jump]")
    client.page.locator("[data-jump]").wait_for(state="hidden")


@pytest.mark.parametrize("mode", ["kill", pytest.param("keep", marks=pytest.mark.soak)])
def test_behind_a_bad_proxy_messages_arrive_by_polling_and_the_page_says_so(start, visit, mode):
    running = start(workers=2, long_poll_seconds=1.3)
    talk = running.conversation()
    with Proxy(running.address) as proxy:
        client = visit(proxy, talk.client)
        client.open(f"/sessions/{talk.id}")
        client.await_connection("live")
        proxy.mode = mode
        client.await_connection("polling")
        talk.agent.send(talk.id, "through a bad line")
        client.see("through a bad line")
        assert client.texts() == stored(talk)
        proxy.mode = "pass"
        client.page.evaluate("() => dispatchEvent(new Event('online'))")
        client.await_connection("live")


def test_past_the_cap_the_page_says_that_it_polls(start, visit):
    running = start(max_waiters=0)
    talk = running.conversation()
    client = visit(running, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("polling")
    talk.agent.send(talk.id, "in three seconds")
    client.see("in three seconds")


def test_a_sign_out_elsewhere_stops_the_page(talk, client):
    client.await_connection("live")
    talk.client.post("/api/auth/logout")
    client.await_connection("stopped")


EAR = """
const Channel = window.BroadcastChannel;
window.BroadcastChannel = class extends Channel {
  set onmessage(hear) {
    window.hear = hear;
    super.onmessage = (event) => {
      if (window.isDeaf && event.data.kind === "answer") return;
      if (event.data.kind === "answer" && event.data.answer.sessions.length) window.last = event.data;
      hear(event);
    };
  }
};
"""


@pytest.fixture
def follower(talk, client):
    """Another tab of the client, which lives on what the first one hears."""
    client.await_connection("live")
    tab = client.tab()
    tab.add_init_script(EAR)
    tab.goto(f"/sessions/{talk.id}")
    client.await_connection("live", tab)
    return tab


def test_a_tab_that_did_not_hear_something_asks_for_it(talk, client, agent, follower):
    follower.evaluate("() => { window.isDeaf = true; }")
    agent.send("missed")
    client.see("missed")
    follower.evaluate("() => { window.isDeaf = false; }")
    agent.send("heard")
    client.see("heard", follower)
    assert client.texts(follower) == stored(talk)


def test_a_tab_that_hears_something_twice_shows_it_once(talk, client, agent, follower):
    agent.send("once")
    client.see("once", follower)
    follower.evaluate(
        """() => {
            const answer = structuredClone(window.last.answer);
            answer.cursor += 0.5; // Before the next one that the server gives.
            for (const session of answer.sessions) session.revision = answer.cursor;
            window.hear({ data: { ...window.last, answer } });
        }"""
    )
    agent.send("twice")
    client.see("twice", follower)
    assert client.texts(follower) == stored(talk)


def test_what_comes_between_the_page_and_its_scripts_is_there(talk, client, agent):
    """The page was read before the message, and another tab has heard it already."""
    client.await_connection("live")
    tab = client.tab()
    waiting = []
    tab.route("**/conversation.js", lambda route: waiting.append(route))
    with tab.expect_request("**/conversation.js"):
        tab.goto(f"/sessions/{talk.id}", wait_until="commit")
    agent.send("meanwhile")
    client.see("meanwhile")
    waiting[0].continue_()
    client.see("meanwhile", tab)
    assert client.texts(tab) == stored(talk)
