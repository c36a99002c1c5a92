"""What a page looks like on its way: axe finds nothing serious in any of its states."""

from tests.test_inbox_page import SENDING
from tests.test_look import PHONE, serious

REFUSED = {"type": "about:blank", "title": "No", "status": 400, "code": "invalid", "detail": "No."}
PAUSED = ".banner[data-when=paused]:not([hidden])"


def look_at_each(page, *states):
    """Of (what brings it about, or nothing, what shows that it is there)."""
    found = []
    for bring_about, shown in states:
        if bring_about:
            bring_about()
        page.locator(shown).first.wait_for()
        found += [(shown, bad) for bad in serious(page)]
    assert found == []


def test_a_clients_conversation_from_the_request_to_the_stars(site, visit):
    agent, colleague, client = site.person("agent"), site.person("agent", "Dear", 900), site.person("client")
    asked = client.ask(agent_id=agent.id, message="A question")["id"]
    visitor = visit(site, client)
    page = visitor.page
    visitor.open(f"/sessions/{asked}")
    visitor.await_connection("live")

    def fail():
        content = {"status": 400, "json": REFUSED, "content_type": "application/problem+json"}
        page.route(SENDING, lambda route: route.fulfill(**content))
        visitor.send("It does not get through")

    def lose_the_line():
        page.unroute(SENDING)
        visitor.context.set_offline(True)
        visitor.send("It waits")

    def pause():
        visitor.context.set_offline(False)
        page.locator(".message[data-id]:not([data-id=''])", has_text="It waits").wait_for()
        client.do("pause", asked)

    def offer():
        client.do("resume", asked)
        colleague.inbox()  # there again, however long it was looked at
        agent.do("transfer", asked, agent_id=colleague.id)

    def end():
        page.keyboard.press("Escape")
        agent.do("end", asked)

    typing = {"chat_session_id": asked, "typing": True}
    look_at_each(
        page,
        (None, "[data-position]"),
        (lambda: agent.do("accept", asked), "[data-meter]:not([hidden])"),
        (lambda: agent.send(asked, "An answer"), ".message.is-other"),
        (lambda: agent.post("/api/chat/typing", typing), "[data-typing]:not([hidden])"),
        (lambda: page.fill("#message", "x" * 4100), "[role=alert]:has-text('Too long')"),
        (fail, ".message.is-failed"),
        (lose_the_line, '[data-connection="offline"]'),
        (pause, PAUSED),
        (offer, "[data-agree]"),
        (lambda: page.locator(".actions .is-danger").click(), "dialog[open]"),
        (end, "[data-rating]:not([hidden])"),
    )


def test_a_request_that_nobody_takes(site, visit):
    agent, colleague, client = site.person("agent"), site.person("agent", "Dear", 900), site.person("client")
    asked = client.ask(agent_id=agent.id, message="A question")["id"]
    visitor = visit(site, client, **PHONE)
    visitor.open(f"/sessions/{asked}")
    visitor.await_connection("live")

    def decline():
        colleague.inbox()  # there again, however long it was looked at
        agent.do("decline", asked)

    look_at_each(visitor.page, (None, ".room"), (decline, "#again li"))


def test_an_agents_inbox_from_empty_to_a_pause(site, visit):
    agent, client = site.person("agent"), site.person("client", "Somebody With Quite A Long Name Indeed")
    visitor = visit(site, agent)
    page, asked = visitor.page, []
    visitor.open("/inbox")
    visitor.await_connection("live")
    look_at_each(
        page,
        (None, "[data-inbox]"),
        (lambda: asked.append(client.ask(agent_id=agent.id, message="A question")["id"]), "[data-card]"),
        (page.locator("[data-card] a").click, ".composer-place button"),
        (page.locator(".composer-place button", has_text="Accept").click, "#message:focus"),
        (lambda: agent.do("pause", asked[0]), PAUSED),
        (lambda: page.locator("h1").first.click() or page.keyboard.press("?"), "dialog[open]"),
    )


def test_details_on_a_phone(site, visit):
    talk = site.conversation()
    visitor = visit(site, talk.agent, **PHONE)
    visitor.open(f"/sessions/{talk.id}")
    look_at_each(visitor.page, (visitor.page.locator(".panel-link").click, ".panel .actions"))


def test_lists_with_nothing_in_them(site, visit):
    pages = {
        "client": ("/sessions", "/balance"),
        "agent": ("/sessions", "/replies", "/earnings", "/missed"),
        "admin": ("/admin/reports", "/admin/audit", "/admin/books"),
    }
    for role, paths in pages.items():
        visitor = visit(site, site.person(role))
        for path in paths:
            assert visitor.open(path).status == 200
            assert serious(visitor.page) == [], path
