"""Each transport of the pages, and the ladder between them: down when a proxy breaks one, and up again."""

import signal

import pytest

from tests.proxy import Proxy
from tests.test_live import expect_all, stored

MODES = {"ws": "websocket", "sse": "stream", "longpoll": "live", "poll": "polling", "auto": "websocket"}


@pytest.mark.parametrize(
    "transport", ["auto", "sse", *(pytest.param(name, marks=pytest.mark.soak) for name in ("ws", "poll"))]
)
def test_each_transport_carries_a_conversation_through_a_reload(start, visit, transport):
    running = start(workers=2, transport=transport)
    talk = running.conversation()
    client, agent = visit(running, talk.client), visit(running, talk.agent)
    for visitor in (client, agent):
        visitor.open(f"/sessions/{talk.id}")
        visitor.await_connection(MODES[transport])
    count = 4 if transport == "poll" else 20
    for number in range(count):
        if number == count // 2:
            running.signal(signal.SIGHUP)
        client.send(f"client {number}")
        agent.send(f"agent {number}")
    client.see(f"agent {count - 1}")
    agent.see(f"client {count - 1}")
    expect_all(talk, client, agent)
    client.await_connection(MODES[transport])
    talk.client.post("/api/auth/logout")
    client.await_connection("stopped")


def test_a_proxy_that_cuts_streams_is_survived_on_the_way_down_and_up(start, visit):
    running = start(workers=2, transport="auto", long_poll_seconds=1.3)
    talk = running.conversation()
    with Proxy(running.address) as proxy:
        client = visit(proxy, talk.client)
        client.open(f"/sessions/{talk.id}")
        client.await_connection("websocket")
        talk.agent.send(talk.id, "before")
        client.see("before")
        proxy.mode = "kill"
        talk.agent.send(talk.id, "while it breaks")
        client.see("while it breaks")
        client.await_connection("polling")
        talk.agent.send(talk.id, "by polling")
        client.see("by polling")
        proxy.mode = "pass"
        client.page.evaluate("() => dispatchEvent(new Event('online'))")
        client.await_connection("websocket")
        talk.agent.send(talk.id, "as before")
        client.see("as before")
        assert client.texts() == stored(talk)


def test_what_works_is_remembered_for_the_visit(start, visit):
    running = start(workers=2, transport="auto", max_waiters=0)
    talk = running.conversation()
    client = visit(running, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("polling")
    client.requests.clear()
    client.page.reload()
    client.await_connection("polling")
    assert not [url for url in client.requests if "/api/chat/stream" in url or "/api/chat/ws" in url]


def test_typing_and_presence_come_over_a_socket_too(start, visit):
    running = start(workers=2, transport="ws")
    talk = running.conversation()
    client = visit(running, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("websocket")
    talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id, "typing": True})
    client.page.locator('[data-peer="typing"]').wait_for()
    talk.agent.do("end", talk.id)
    client.page.locator(".composer-place", has_text="Ended by the agent").wait_for()


@pytest.mark.parametrize(("mode", "found"), [("pass", "websocket"), ("plain", "stream"), ("buffer", "live")])
def test_the_best_transport_that_passes_is_taken(start, visit, mode, found):
    running = start(workers=2, transport="auto")
    talk = running.conversation()
    with Proxy(running.address) as proxy:
        proxy.mode = mode
        client = visit(proxy, talk.client)
        client.open(f"/sessions/{talk.id}")
        client.await_connection(found)
        talk.agent.send(talk.id, "this way")
        client.see("this way")
        assert client.texts() == stored(talk)


def test_a_browser_s_own_event_source_goes_on_through_a_reload(start, visit):
    running = start(workers=2)
    talk = running.conversation()
    client = visit(running, talk.client)
    client.open("/profile")
    client.page.evaluate(
        """path => {
            window.told = [];
            const source = new EventSource(path);
            source.addEventListener("message", ({ data }) => window.told.push(JSON.parse(data).message));
            return new Promise((resolve) => source.addEventListener("open", resolve, { once: true }));
        }""",
        f"/api/chat/stream/{talk.id}",
    )
    for number in range(30):
        if number == 10:
            running.signal(signal.SIGHUP)
        talk.agent.send(talk.id, f"line {number}")
    client.page.wait_for_function("() => window.told.length >= 30")
    assert client.page.evaluate("() => window.told") == [f"line {number}" for number in range(30)]
