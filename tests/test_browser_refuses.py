"""What a browser refuses, and who signs in meanwhile: no word is lost, and none is another person's."""

import pytest

from tests.streams import HANDSHAKE
from tests.test_live import stored

HIDE = "Object.defineProperty(document, 'hidden', { get: () => !!window.isAway, configurable: true });"
NO_NOTIFICATION = """
window.Notification = class {
  constructor() { throw new TypeError("Illegal constructor"); }
  static permission = "granted";
};
window.AudioContext = class { constructor() { throw new Error("no device"); } };
"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
DENIED = """
for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });
}
delete window.BroadcastChannel;
delete window.Notification;
"""

# One tab asks, and another takes over at once when it is closed.
IN_LINE = "async () => { const { pending } = await navigator.locks.query(); return pending.length === 1; }"


@pytest.fixture
def talk(site):
    return site.conversation()


@pytest.fixture
def client(site, talk, visit):
    return enter(visit(site, talk.client), talk)


def enter(visitor, talk, script=""):
    visitor.context.add_init_script(script)
    visitor.open(f"/sessions/{talk.id}")
    visitor.await_connection("live")
    return visitor


def sign_in(visitor, who):
    """As another tab does it."""
    visitor.context.add_cookies([{"name": "session", "value": who.token, "url": visitor.url}])


def test_all_messages_are_shown_where_notifications_and_sounds_throw(site, talk, visit):
    client = enter(visit(site, talk.client), talk, HIDE + NO_NOTIFICATION)
    client.page.evaluate("window.isAway = true")
    client.context.set_offline(True)
    for number in range(4):
        talk.agent.send(talk.id, f"line {number}")
    client.context.set_offline(False)
    client.see("line 0")
    talk.agent.send(talk.id, "later")
    client.see("later")
    with client.page.expect_response("**/api/chat/read"):
        client.page.evaluate("window.isAway = false; document.dispatchEvent(new Event('visibilitychange'))")
    # All that is marked read was shown.
    shown = client.page.locator(".message").evaluate_all("all => all.map((one) => Number(one.dataset.id))")
    read_id = talk.client.show(talk.id)["client_read_id"]
    messages = talk.client.fetch(talk.id, limit=100).json["messages"]
    assert read_id == messages[-1]["id"]
    assert [each["message"] for each in messages if each["id"] <= read_id and each["id"] not in shown] == []
    assert client.texts() == stored(talk)


@pytest.mark.parametrize("script", [FULL, DENIED], ids=["full", "denied"])
def test_a_message_is_sent_once_where_nothing_can_be_kept(site, talk, visit, script):
    client, before = enter(visit(site, talk.client), talk, script), stored(talk)
    client.page.fill("#message", "Hello")
    for _ in range(3):
        client.page.press("#message", "Enter")
    client.page.locator(".message[data-id]:not([data-id=''])", has_text="Hello").wait_for()
    assert stored(talk) == [*before, "Hello"]
    assert client.page.input_value("#message") == ""


def test_what_was_written_after_the_sign_in_ended_is_sent_after_the_next(talk, client):
    before = stored(talk)
    client.context.clear_cookies()
    client.send("A careful answer")
    failed = client.page.locator(".message.is-failed", has_text="A careful answer")
    failed.get_by_text("It is kept on this device.").wait_for()
    client.page.fill("#message", "and a dra")
    with client.page.expect_navigation(url="**/login**"):
        failed.get_by_role("button", name="Sign in").click()
    sign_in(client, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.page.locator(".message[data-id]:not([data-id=''])", has_text="A careful answer").wait_for()
    assert stored(talk) == [*before, "A careful answer"]
    assert client.page.input_value("#message") == "and a dra"


def test_what_was_refused_is_sent_when_its_writer_comes_back_signed_in(talk, client):
    before, page = stored(talk), client.page
    client.context.clear_cookies()
    client.send("A careful answer")
    page.locator(".message.is-failed", has_text="A careful answer").wait_for()
    # The poll that is held goes on as before: it does not tell the page.
    sign_in(client, talk.client)
    page.evaluate("() => dispatchEvent(new Event('focus'))")
    page.locator(".message[data-id]:not([data-id=''])", has_text="A careful answer").wait_for()
    assert client.texts() == stored(talk) == [*before, "A careful answer"]


@pytest.mark.parametrize("script", [FULL, DENIED], ids=["full", "denied"])
def test_who_must_sign_in_again_is_told_when_nothing_is_kept(site, talk, visit, script):
    client = enter(visit(site, talk.client), talk, script)
    client.context.clear_cookies()
    client.send("A careful answer")
    failed = client.page.locator(".message.is-failed", has_text="A careful answer")
    failed.get_by_text("Copy it first: this browser keeps nothing.").wait_for()


def test_a_page_sends_nothing_as_somebody_who_signed_in_in_another_tab(talk, client):
    before = stored(talk)
    sign_in(client, talk.agent)
    client.send("I am the client")
    failed = client.page.locator(".message.is-failed", has_text="I am the client")
    failed.wait_for()
    failed.get_by_role("button", name="Load the page again").click()
    client.page.locator("[data-talk][data-side=agent]").wait_for()
    client.await_connection("live")
    assert client.texts() == stored(talk) == before
    sign_in(client, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.page.locator(".message[data-id]:not([data-id=''])", has_text="I am the client").wait_for()
    assert stored(talk) == [*before, "I am the client"]


@pytest.mark.parametrize("script", ["", DENIED], ids=["tabs", "denied"])
@pytest.mark.parametrize("who", ["other", "nobody"])
def test_a_page_whose_reader_is_signed_out_says_so_and_goes_on_by_itself(site, talk, visit, script, who):
    client = enter(visit(site, talk.client), talk, script)
    page = client.page
    client.context.clear_cookies()
    if who == "other":
        sign_in(client, talk.agent)
    talk.agent.send(talk.id, "seen by the poll that is held")
    client.await_connection("stopped")
    wanted = {"other": "Dr Anaïs Laurent is signed in in this browser now.", "nobody": "You are signed out."}[
        who
    ]
    said = page.get_by_role("alert").filter(has_text=wanted)
    said.wait_for()
    label = {"other": "Load the page again", "nobody": "Sign in"}[who]
    assert said.get_by_role("button", name=label).is_visible()
    talk.agent.send(talk.id, "said meanwhile")
    page.fill("#message", "written meanwhile")
    page.press("#message", "Enter")
    page.locator(".message.is-failed", has_text="written meanwhile").wait_for()
    sign_in(client, talk.client)
    other = client.tab()
    if script:
        page.evaluate("() => dispatchEvent(new Event('focus'))")
    else:
        other.goto("/profile")
    client.await_connection("live")
    client.see("said meanwhile")
    page.locator(".message[data-id]:not([data-id=''])", has_text="written meanwhile").wait_for()
    assert said.is_hidden()
    assert client.texts() == stored(talk)
    if not script:
        page.wait_for_function(IN_LINE)
    # It is the one that asks, again.
    other.close()
    talk.agent.send(talk.id, "and on")
    client.see("and on")


def test_a_paste_that_is_too_long_is_kept_and_not_sent(talk, client):
    before, page = stored(talk), client.page
    page.fill("#message", "x" * 6000)
    page.get_by_role("alert").filter(has_text="Too long by 2000").wait_for()
    page.press("#message", "Enter")
    assert len(page.input_value("#message")) == 6000
    assert stored(talk) == before
    page.fill("#message", "😀" * 4000)
    page.press("#message", "Enter")
    page.locator(".message[data-id]:not([data-id=''])", has_text="😀").wait_for()
    assert stored(talk) == [*before, "😀" * 4000]


TYPED = "I would like to know whether I may sublet my flat while I am away."


def test_no_keystroke_is_lost_while_an_agent_accepts(site, visit):
    who, agent = site.person("client"), site.person("agent", "Ada Swift")
    session_id = who.ask()["id"]
    client = visit(site, who)
    client.open(f"/sessions/{session_id}")
    client.await_connection("live")
    page = client.page
    page.click("#message")
    page.keyboard.type(TYPED[:20])
    agent.do("accept", session_id)
    page.keyboard.type(TYPED[20:40])
    page.locator("[data-other-name]", has_text="Ada Swift").wait_for()
    page.keyboard.type(TYPED[40:])
    assert page.input_value("#message") == TYPED
    agent.do("end", session_id)
    page.locator("[data-unsent]", has_text=TYPED).wait_for()


@pytest.mark.parametrize(
    "path", ["message", "read", "typing", "sessions", "sessions/1/accept", "sessions/1/end"]
)
def test_no_call_of_a_page_is_answered_for_somebody_else(site, talk, path):
    before = stored(talk)
    content = {"chat_session_id": talk.id, "message": "no", "message_id": 1, "typing": True}
    path = path.replace("/1/", f"/{talk.id}/")
    answer = talk.agent.post(f"/api/chat/{path}", content, **{"Chat_User": str(talk.client.id)})
    assert (answer.status, answer.json["code"]) == (409, "other_user")
    assert answer.json["name"]
    answer = talk.agent.get("/api/chat/sessions", **{"Chat_User": str(talk.client.id)})
    assert answer.status == 409
    for end in ("ws", f"ws/{talk.id}"):
        answer = talk.agent.get(f"/api/chat/{end}?cursor=0&chat_user={talk.client.id}", **HANDSHAKE)
        assert (answer.status, answer.json["code"]) == (409, "other_user")
    assert stored(talk) == before
