"""What a browser lacks, or refuses, or has out of order, keeps no message from being shown, sent and read."""

import pytest

from tests.server import Server
from tests.test_browser_refuses import HIDE
from tests.test_live import stored

# Whoever reads it, calls it or makes one, gets an error.
BROKEN = """
{
  const fail = () => { throw new Error("broken"); };
  const value = new Proxy(function () {}, { get: fail, apply: fail, construct: fail });
  Object.defineProperty(%s, "%s", { value });
}
"""
DENIED = "Object.defineProperty(%s, '%s', { get() { throw new DOMException('denied', 'SecurityError'); } });"
MISSING = "delete %s['%s'];"
WAYS = {"broken": BROKEN, "denied": DENIED, "missing": MISSING}
FEATURES = [
    ("window", "Intl"),
    ("window", "matchMedia"),
    ("window", "CSS"),
    ("window", "ResizeObserver"),
    ("window", "Notification"),
    ("window", "AudioContext"),
    ("window", "BroadcastChannel"),
    ("window", "WebSocket"),
    ("Crypto.prototype", "getRandomValues"),
    ("Clipboard.prototype", "writeText"),
    ("Navigator.prototype", "clipboard"),
    ("Navigator.prototype", "locks"),
]
CASES = [
    # What fails at any use is the most: the other ways are soaked.
    pytest.param(script % (owner, name), id=f"{name}-{way}", marks=[pytest.mark.soak] * (way != "broken"))
    for owner, name in FEATURES
    for way, script in WAYS.items()
    if (name, way) != ("Intl", "denied")  # Playwright's own scripts mention it.
]


@pytest.fixture(scope="module")
def climbing(tmp_path_factory):
    """Its pages begin with a WebSocket."""
    with Server(tmp_path_factory.mktemp("climbing"), transport="auto") as running:
        yield running


@pytest.mark.parametrize("script", CASES)
def test_a_page_goes_on_without(climbing, visit, script):
    talk = climbing.conversation()
    client = visit(climbing, talk.client)
    client.context.add_init_script(HIDE + script)
    client.open(f"/sessions/{talk.id}")
    page = client.page
    client.send("said")
    page.locator(".message[data-id]:not([data-id=''])", has_text="said").wait_for()
    page.evaluate("window.isAway = true")
    heard = talk.agent.send(talk.id, "heard").json["messageId"]
    client.see("heard")
    assert talk.client.show(talk.id)["client_read_id"] < heard
    with page.expect_response("**/api/chat/read"):
        page.evaluate("window.isAway = false; document.dispatchEvent(new Event('visibilitychange'))")
    assert talk.client.show(talk.id)["client_read_id"] == heard
    assert client.texts() == stored(talk)
    copy = page.locator(".message [data-copy]").first
    if copy.is_visible():
        copy.click()


def test_an_error_around_the_messages_hides_none(climbing, visit):
    talk = climbing.conversation()
    client = visit(climbing, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("websocket")
    page = client.page
    page.evaluate(BROKEN % ("document.querySelector('[data-meter]')", "classList"))
    with page.expect_event("pageerror"):
        talk.agent.send(talk.id, "heard")
        client.see("heard")
    assert client.texts() == stored(talk)
    # Each change of the session is one more.
    page.close()
    client.problems.clear()
