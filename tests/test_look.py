"""Every page, as a browser shows it: accessible, light, still, and nobody else's server in it."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from chat import accounts, store
from tests.server import Server

PAGES = {
    "nobody": ["/", "/login", "/signup", "/nowhere"],
    "client": [
        "/agents",
        "/agents/{agent}",
        "/sessions",
        "/sessions/{id}",
        "/sessions/{ended}",
        "/sessions/{ended}/receipt",
        "/sessions/new",
        "/sessions/new?agent_id={agent}",
        "/profile",
        "/balance",
    ],
    "agent": [
        "/inbox",
        "/sessions/{id}",
        "/sessions/{waiting}",
        "/clients/{client}?session={id}",
        "/sessions",
        "/replies",
        "/earnings",
        "/statistics",
        "/profile",
        "/profile/page",
    ],
    "admin": [
        "/admin/statistics",
        "/admin/people",
        "/admin/people/{agent}",
        "/admin/people/{client}",
        "/admin/people/{client}/erase",
        "/admin/people/{agent}/earnings",
        "/admin/people/{agent}/statistics",
        "/clients/{client}",
        "/admin/sessions",
        "/admin/sessions/{ended}",
        "/sessions/{ended}/receipt",
        "/admin/books",
        "/admin/settings",
        "/admin/diagnosis",
    ],
}
# In the dark nothing but the colours is another.
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LARGEST_FIRST_LOAD = 60 * 1024
LARGEST_SHIFT = 0.02
# What scripts fill in, and what is there then.
FILLED = {"[data-device]": ".hint span:not([hidden])", "[data-file]": ".file-content"}
SHIFTS = """
    window.shift = 0;
    window.shifted = [];
    const box = ({ x, y, width, height }) => [x, y, width, height].join(" ");
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            window.shift += entry.value;
            for (const { node, previousRect: from, currentRect: to } of entry.sources)
                window.shifted.push(`${node?.outerHTML?.slice(0, 200)}: ${box(from)} to ${box(to)}`);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""


def assert_still(page):
    """With SHIFTS: nothing has moved but what the reader has scrolled."""
    assert page.evaluate("shift") <= LARGEST_SHIFT, "\n".join(page.evaluate("shifted"))


def serious(page):
    """What axe finds on it as it stands, in both looks."""
    bad = []
    for look, rules in RULES.items():
        page.emulate_media(color_scheme=look, reduced_motion="reduce")
        found = Axe().run(page, options={"resultTypes": ["violations"], **rules}).response
        assert found["passes"]
        bad += [
            (look, each["id"], each["nodes"][0]["html"])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
    return bad


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A server with the demo's people and conversations."""
    with Server(tmp_path_factory.mktemp("full"), workers=2, request_seconds=86_400) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(full, run):
    run(full, "demo")
    names = {"client": "client1", "agent": "agent1", "admin": "admin"}

    def token(name):
        row = full.database.read(lambda db: store.users.by_email(db, f"{name}@demo.example"))
        return accounts.issue_token(full.runtime, row["id"])

    return {role: token(name) for role, name in names.items()}


@pytest.fixture(scope="module")
def ids(full, tokens):
    agent = full.client(tokens["agent"])
    ended = agent.get("/api/chat/sessions?status=ended").json["sessions"]
    open_ones = agent.get("/api/chat/sessions").json["sessions"]
    first = min(each["id"] for each in open_ones)
    return {
        "id": first,
        "waiting": next(each["id"] for each in open_ones if each["status"] == "waiting"),
        "ended": next(each["id"] for each in ended if each["rating"] and each["client"]["id"] == 1),
        "agent": 2,
        "client": 1,
    }


@pytest.mark.parametrize("screen", ["desktop", "phone"])
@pytest.mark.parametrize("role", PAGES)
def test_axe_finds_nothing_serious(full, tokens, ids, visit, role, screen):
    options = PHONE if screen == "phone" else {}
    visitor = visit(full, full.client(tokens[role]) if role in tokens else None, **options)
    for path in PAGES[role][:3] if screen == "phone" else PAGES[role]:
        answer = visitor.open(path.format(**ids))
        assert answer.status == (404 if path == "/nowhere" else 200)
        assert serious(visitor.page) == [], path
        width, room = visitor.page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert width <= room, f"{path} is {width} px wide"
    assert {url.split("/")[2] for url in visitor.requests} == {full.url.split("/")[2]}


@pytest.mark.parametrize(("role", "path"), [("client", "/sessions/{id}"), ("agent", "/sessions/{id}")])
def test_the_first_load_is_light(full, tokens, ids, visit, role, path):
    visitor = visit(full, full.client(tokens[role]))
    network = visitor.context.new_cdp_session(visitor.page)
    network.send("Network.enable")
    # What the line tells is as much as happens: only the page and its files are counted.
    ours, sizes = set(), []
    network.on(
        "Network.requestWillBeSent",
        lambda event: "/api/" in event["request"]["url"] or ours.add(event["requestId"]),
    )
    network.on(
        "Network.loadingFinished",
        lambda event: event["requestId"] in ours and sizes.append(event["encodedDataLength"]),
    )
    visitor.open(path.format(**ids))
    visitor.await_connection("live")
    assert len(sizes) >= 5
    assert sum(sizes) <= LARGEST_FIRST_LOAD


@pytest.mark.parametrize("role", ["client", "agent", "admin"])
def test_nothing_moves_when_scripts_come_after_the_page_is_seen(full, tokens, ids, visit, role):
    visitor = visit(full, full.client(tokens[role]))
    page = visitor.page
    page.add_init_script(SHIFTS)

    def wait_for_paint(route):
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
        route.continue_()

    page.route("**/js/*.js", wait_for_paint)
    for path in PAGES[role]:
        visitor.open(path.format(**ids))
        if role != "admin":
            visitor.await_connection("live")
        for part, content in FILLED.items():
            for each in page.locator(part).all():
                each.locator(content).first.wait_for(state="attached")
        assert_still(page)


def test_nothing_moves_when_messages_arrive(site, visit):
    talk = site.conversation()
    visitor = visit(site, talk.client)
    visitor.page.add_init_script(SHIFTS)
    visitor.open(f"/sessions/{talk.id}")
    visitor.await_connection("live")
    for number in range(25):
        talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id, "typing": True})
        talk.agent.send(talk.id, f"message {number} " + "with some words " * (number % 4))
        visitor.see(f"message {number} ")
    assert_still(visitor.page)


def test_nothing_moves_while_the_line_is_checked(full, tokens, visit):
    visitor = visit(full, full.client(tokens["admin"]))
    visitor.page.add_init_script(SHIFTS)
    visitor.open("/admin/diagnosis")
    visitor.page.locator("[data-start]").click()
    visitor.page.locator("[data-check=hold][data-state=running]").wait_for()
    visitor.page.locator("[data-cancel]").click()
    visitor.page.locator("[data-check=hold][data-state=waiting]").wait_for()
    assert_still(visitor.page)


def test_a_phone_shows_the_conversation_on_its_whole_screen(site, visit):
    talk = site.conversation()
    visitor = visit(site, talk.client, **PHONE)
    visitor.open(f"/sessions/{talk.id}")
    box = visitor.page.locator(".talk").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)
    composer = visitor.page.locator(".composer").bounding_box()
    assert composer["y"] + composer["height"] <= 844
    visitor.page.click(".panel-link")
    visitor.page.locator("#panel").get_by_text("End the conversation").wait_for()
    visitor.page.click(".panel-close")
    visitor.page.locator("#panel").wait_for(state="hidden")


def test_the_keyboard_reaches_everything_and_shows_where_it_is(site, visit):
    talk = site.conversation()
    visitor = visit(site, talk.agent)
    visitor.open(f"/sessions/{talk.id}")
    names, outlines = [], []
    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        name, outline = visitor.page.evaluate(
            """() => {
                const focused = document.activeElement;
                const style = getComputedStyle(focused);
                const name = focused.getAttribute("aria-label") ?? focused.textContent.trim();
                return [name, style.outlineWidth];
            }"""
        )
        names.append(name)
        outlines.append(outline)
    for wanted in ("Skip to the content", "Send", "Pause", "End the conversation"):
        assert wanted in names
        assert outlines[names.index(wanted)] == "3px"
