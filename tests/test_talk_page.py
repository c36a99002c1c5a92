"""A conversation's page in a browser: long histories, days, keyboard, small screens, a machine that slept."""

import re

import pytest

from tests.client import Conversation
from tests.grown import add_messages
from tests.test_look import SHIFTS, assert_still

PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
LAST = "line 500: https://example.org/a and some more, to fill a line"
WORK = """() => {
    // What scripts look at: elements that are found, and what is read of them.
    window.work = 0;
    const all = Element.prototype.querySelectorAll;
    Element.prototype.querySelectorAll = function (selector) {
        const found = all.call(this, selector);
        work += found.length;
        return found;
    };
    const read = [[HTMLElement.prototype, "dataset"], [Element.prototype, "nextElementSibling"]];
    for (const [prototype, name] of read) {
        const { get } = Object.getOwnPropertyDescriptor(prototype, name);
        Object.defineProperty(prototype, name, { get() { work += 1; return get.call(this); } });
    }
    window.busy = [];
    const log = document.querySelector("[data-log]");
    new MutationObserver((records) => records.forEach(({ target }) => busy.push(target.ariaBusy)))
        .observe(log, { attributeFilter: ["aria-busy"] });
}"""
IS_AT_END = """
window.isAtEnd = () => {
    const { scrollHeight, scrollTop, clientHeight } = document.querySelector("[data-log]");
    return scrollHeight - scrollTop - clientHeight < 2;
};
"""
OLDER = """async () => {
    const log = document.querySelector("[data-log]");
    const first = log.querySelector(".message");
    const count = () => log.getElementsByTagName("li").length;
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const where = () => first.getBoundingClientRect().top;
    const start = count();
    let place;
    work = 0;
    for (; count() === start; await frame()) {
        if (log.scrollTop >= 300) log.scrollTop -= 300; // as by a wheel
        place = where();
    }
    return [work, where() - place];
}"""


def boxes(page, *selectors):
    return [page.locator(each).first.bounding_box() for each in selectors]


def overlap(one, other):
    """Whether two boxes do."""
    across = one["x"] < other["x"] + other["width"] and other["x"] < one["x"] + one["width"]
    return across and one["y"] < other["y"] + other["height"] and other["y"] < one["y"] + one["height"]


def test_the_end_is_in_view_before_any_script(site, visit):
    talk = site.conversation()
    add_messages(site, talk, 100)
    visitor = visit(site, talk.client, java_script_enabled=False, **PHONE)
    visitor.open(f"/sessions/{talk.id}")
    box = visitor.page.locator(".message").last.bounding_box()
    assert 0 < box["y"] < PHONE["viewport"]["height"]
    visitor.page.locator(".earlier a").click()
    assert visitor.page.locator(".message").first.bounding_box()["y"] > 0


def test_a_page_of_history_is_as_much_work_however_long_it_is(site, visit):
    talk = site.conversation()
    add_messages(site, talk, 500)
    visitor = visit(site, talk.client)
    page = visitor.page
    page.add_init_script(SHIFTS + IS_AT_END)
    visitor.open(f"/sessions/{talk.id}")
    visitor.await_connection("live")
    page.wait_for_function("() => isAtEnd()")
    page.evaluate(WORK)
    done = []
    while page.locator(".message").count() < 502:
        work, moved = page.evaluate(OLDER)
        done.append(work)
        assert abs(moved) < 2
    assert len(done) == 16
    assert 50 < max(done) <= 1.3 * min(done[:-1])  # a day may begin on it; the last one is short
    assert page.locator(".messages").count() == 17
    assert page.locator(".messages:not(.is-at-rest)").count() == 2  # those that may be in view
    assert [text for text in visitor.texts() if text.startswith("line")][::499] == ["line 1", LAST]
    assert not page.locator("[data-jump-count]").is_visible()
    page.locator('[data-log][aria-busy="false"][aria-live="polite"]').wait_for()
    assert "true" in page.evaluate("busy")
    assert_still(page)
    page.locator("[data-jump]").click()
    page.wait_for_function("() => isAtEnd()")
    talk.agent.send(talk.id, "Of many\n\n\n\nlines")
    visitor.see("Of many")
    page.wait_for_function("() => isAtEnd()")


@pytest.fixture
def nightly(site):
    """A request of which two messages are on two days in Paris, and on one in UTC."""
    client, agent = site.person("client"), site.person("agent")
    talk = Conversation(client.ask(agent_id=agent.id, message="late")["id"], client, agent, {})
    client.send(talk.id, "early")
    late, early = (each["id"] for each in client.fetch(talk.id).json["messages"])
    at = 1_795_555_800_000  # 2026-11-24 21:30 UTC
    times = {late: at, early: at + 7_200_000}
    update = "UPDATE messages SET created_at = ? WHERE chat_session_id = ? AND id <= ?"
    for each in (early, late):
        site.database.write(
            lambda db, each=each: db.conn.execute(update, (times[each], talk.id, each)).close()
        )
    return talk


@pytest.mark.parametrize("who", ["client", "admin"])
def test_a_day_begins_where_the_readers_does(site, visit, nightly, who):
    reader = nightly.client if who == "client" else site.person("admin")
    visitor = visit(site, reader)
    visitor.open(f"/sessions/{nightly.id}" if who == "client" else f"/admin/sessions/{nightly.id}")
    page = visitor.page
    page.locator("[data-day] + .message", has_text="early").wait_for()
    assert page.locator("[data-day]").all_inner_texts() == ["Tuesday, November 24", "Wednesday, November 25"]


def test_a_day_begins_where_the_setting_says_without_scripts(start, site, nightly):
    for zone, days in (("Europe/Paris", 2), ("UTC", 1)):
        there = start(folder=site.folder, time_zone=zone) if zone != "UTC" else site
        page = there.client(nightly.client.token).request(
            "GET", f"/sessions/{nightly.id}", Cookie=f"session={nightly.client.token}"
        )
        assert page.body.decode().count('<li class="day" data-day><time datetime') == days


def test_the_composer_is_near_for_the_keyboard(site, visit):
    talk = site.conversation()
    for number in range(20):
        talk.client.send(talk.id, f"https://example.org/{number}")
    agent = visit(site, talk.agent)
    agent.open(f"/sessions/{talk.id}")
    agent.await_connection("live")
    page, presses = agent.page, 0
    while page.evaluate("document.activeElement.textContent.trim()") != "Skip to the message field":
        page.keyboard.press("Tab")
        presses += 1
    page.keyboard.press("Enter")
    assert presses <= 3
    page.locator("#message:focus").wait_for()
    # The buttons of all messages are one stop, and arrows lead from one to the next.
    assert page.locator("[data-copy]:not([tabindex='-1'])").count() == 1
    page.locator("[data-copy]").last.focus()
    page.keyboard.press("ArrowUp")
    assert page.locator("[data-copy]:focus").evaluate(
        "e => e === [...document.querySelectorAll('[data-copy]')].at(-2)"
    )
    talk.client.do("end", talk.id)
    page.locator(".skip[href='#message']").wait_for(state="detached")


def test_the_details_on_a_phone_take_the_focus_and_give_it_back(site, visit):
    client = visit(site, site.conversation().client, **PHONE)
    talk_id = client.context.request.get("/api/chat/sessions").json()["sessions"][0]["id"]
    client.open(f"/sessions/{talk_id}")
    client.await_connection("live")
    page = client.page
    page.locator(".panel-link").press("Enter")
    page.locator("#panel:focus").wait_for()
    page.keyboard.press("Escape")
    page.locator(".panel-link:focus").wait_for()
    assert not page.locator("#panel").is_visible()
    assert page.url.endswith(f"/sessions/{talk_id}")


def test_the_stars_go_where_the_arrows_point_and_the_notice_covers_nothing(site, visit):
    talk = site.conversation()
    talk.agent.do("end", talk.id)
    client = visit(site, talk.client, **PHONE)
    client.open(f"/sessions/{talk.id}")
    page = client.page
    page.focus("#star-2")
    page.keyboard.press("ArrowRight")
    assert page.locator("#star-3").is_checked()
    colours = page.locator(".rating-stars label").evaluate_all(
        "all => all.map((e) => getComputedStyle(e).color)"
    )
    assert colours[0] == colours[1] == colours[2] != colours[3] == colours[4]
    client.follow("text=Rate >> visible=true")
    notice, back, menu = boxes(page, ".note.is-notice", "[data-back]", ".panel-link")
    assert not overlap(notice, back)
    assert not overlap(notice, menu)
    page.get_by_role("button", name="Close").click()
    assert not page.locator(".note.is-notice").is_visible()
    page.reload()
    assert not page.locator(".note.is-notice").is_visible()


def test_nothing_in_the_head_covers_the_price_on_a_small_phone(site, visit):
    talk = site.conversation()
    client = visit(site, talk.client, locale="fr-FR", **PHONE)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("live")
    talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id, "typing": True})
    client.page.locator('[data-peer="typing"]').wait_for()
    who, meter = boxes(client.page, ".talk-who", "[data-meter]")
    assert not overlap(who, meter)
    clipped = client.page.locator(".talk-who p").evaluate("e => getComputedStyle(e).overflow")
    assert clipped == "hidden"
    assert meter["x"] + meter["width"] <= 320


@pytest.mark.parametrize("width", [390, 760])
def test_all_of_the_menu_is_in_sight(site, visit, width):
    admin = visit(site, site.person("admin"), viewport={"width": width, "height": 800})
    admin.open("/admin/settings")
    found = admin.page.locator(".menu a").evaluate_all(
        "all => all.map((e) => e.getBoundingClientRect().right)"
    )
    assert len(found) == 7
    assert max(found) <= width


def test_the_meter_is_right_after_the_machine_slept(site, visit):
    """Its clocks stood still meanwhile; the next answer, which tells nothing of the session, has the time."""
    talk = site.conversation()
    client = visit(site, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("live")
    site.advance(300)
    talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id, "typing": True})
    client.page.wait_for_function(
        "() => Number(document.querySelector('[data-meter-time]').textContent.split(':')[0]) >= 5"
    )


def test_what_is_paused_or_out_of_money_has_its_button_there(site, visit):
    talk = site.conversation()
    client = visit(site, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("live")
    banners = client.page.locator(".banners")
    client.page.locator("#panel").get_by_role("button", name="Pause").click()
    banners.get_by_text("Paused by you").wait_for()
    client.follow(banners.get_by_role("button", name="Go on"))
    assert talk.client.show(talk.id)["status"] == "active"
    talk.client.do("limit", talk.id, spending_limit=2.50)
    site.advance(61)
    talk.client.fetch(talk.id)
    banners.get_by_role("link", name=re.compile("Raise the limit")).first.click()
    client.page.locator("#spending_limit:focus").wait_for()
    assert not banners.get_by_text("Are you still there?").is_visible()
