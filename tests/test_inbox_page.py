"""The inbox is one page: what is chosen is shown without loading anew, and nothing is lost or goes astray."""

import re

import pytest

from tests.test_browser_refuses import HIDE

NAMES = ("Adèle Blanc", "Bruno Petit", "Chloé Martin", "Driss Amrani", "Émile Roux")
SENDING = "**/api/chat/message"
# Timers that run, for as long as the page does.
TIMERS = """
window.timers = new Set();
const { setInterval: begin, clearInterval: end } = window;
window.setInterval = (...all) => { const id = begin(...all); timers.add(id); return id; };
window.clearInterval = (id) => { timers.delete(id); end(id); };
"""


class Desk:
    """An agent in front of their inbox, and the clients by name, each with a question."""

    def __init__(self, site, visitor, agent, clients, ids):
        self.site, self.visitor, self.page = site, visitor, visitor.page
        self.agent, self.clients, self.ids = agent, clients, ids

    def open(self, path="/inbox"):
        self.visitor.open(path)
        self.visitor.await_connection("live")
        self.page.evaluate("window.survives = 1")

    def card(self, name):
        return self.page.locator(f'[data-card="{self.ids[name]}"]')

    def choose(self, name):
        self.card(name).locator("a").click()
        self.await_shown(name)

    def await_shown(self, name):
        """The talk, with its scripts; the cursor in it."""
        self.page.locator(f'[data-talk="{self.ids[name]}"] #message:focus').wait_for()

    def texts(self, name):
        return self.agent.fetch(self.ids[name]).texts

    def is_same_page(self):
        return self.page.evaluate("window.survives") == 1


@pytest.fixture
def open_desk(site, visit):
    def open_one(names=NAMES, **look):
        agent = site.person("agent", "Dr Anaïs Laurent")
        clients = {name: site.person("client", name) for name in names}
        ids = {}
        for name, client in clients.items():
            ids[name] = client.ask(agent_id=agent.id, message=f"Question of {name}")["id"]
            agent.do("accept", ids[name])
            site.advance(1)
        return Desk(site, visit(site, agent, **look), agent, clients, ids)

    return open_one


@pytest.fixture
def desk(open_desk):
    return open_desk()


def test_five_conversations_are_answered_by_keyboard_alone(desk):
    desk.open()
    keyboard, answered = desk.page.keyboard, []
    keyboard.press("n")
    for name in NAMES:  # Who asked first has waited longest.
        desk.await_shown(name)
        assert desk.visitor.texts() == [f"Question of {name}"]
        keyboard.type(f"Answer to {name}")
        keyboard.press("Enter")
        desk.visitor.see(f"Answer to {name}")
        answered.append(name)
        if name != NAMES[-1]:
            keyboard.press("Alt+Shift+ArrowDown")
    desk.page.wait_for_function("() => !document.querySelector('.message.is-pending')")
    assert [desk.texts(name) for name in answered] == [
        [f"Question of {name}", f"Answer to {name}"] for name in NAMES
    ]
    keyboard.press("Escape")
    assert desk.card(NAMES[-1]).locator("a").evaluate("link => link === document.activeElement")
    assert desk.is_same_page()


def test_keys_go_from_card_to_card_and_are_shown(desk):
    desk.open()
    page, keyboard = desk.page, desk.page.keyboard
    focused = "document.activeElement.closest('[data-card]')?.dataset.card"
    # Requests of other tests may stand above.
    active = page.locator('[data-section="active"] [data-card]')
    order = active.evaluate_all("all => all.map((each) => each.dataset.card)")
    active.locator("a").first.focus()
    for key, at in (("j", 1), ("j", 2), ("k", 1)):
        keyboard.press(key)
        assert page.evaluate(focused) == order[at]
    keyboard.press("Enter")
    page.locator(f'[data-talk="{order[1]}"] #message:focus').wait_for()
    # Where one writes they are letters, and with Alt they lead on.
    keyboard.type("jkn?")
    assert page.input_value("#message") == "jkn?"
    keyboard.press("Alt+ArrowDown")
    page.locator(f'[data-talk="{order[2]}"] #message:focus').wait_for()
    keyboard.press("Alt+ArrowUp")
    page.locator(f'[data-talk="{order[1]}"] #message:focus').wait_for()
    assert page.input_value("#message") == "jkn?"
    keyboard.press("Escape")
    keyboard.press("?")
    page.get_by_role("dialog", name="Keys").get_by_role("checkbox").uncheck()
    keyboard.press("Escape")
    page.get_by_role("dialog", name="Keys").wait_for(state="hidden")
    desk.card(NAMES[0]).locator("a").focus()
    keyboard.press("j")
    keyboard.press("?")
    assert page.evaluate(focused) == str(desk.ids[NAMES[0]])
    assert page.get_by_role("dialog").count() == 0
    assert desk.is_same_page()


def test_back_forward_reload_and_a_tab_are_as_with_pages(desk):
    desk.open()
    page, (one, two, *_) = desk.page, NAMES
    desk.choose(one)
    desk.choose(two)
    assert page.locator("[data-card] [aria-current]").count() == 1
    assert desk.card(two).locator("a").get_attribute("aria-current") == "true"
    assert page.get_by_role("textbox", name=f"Message {two}").count() == 1
    for step, name in ((page.go_back, one), (page.go_forward, two), (page.go_back, one)):
        step()
        desk.await_shown(name)
        assert page.url.endswith(f"/sessions/{desk.ids[name]}")
        assert page.title().endswith(f") {name} · Tête-à-tête")
    page.go_back()
    page.get_by_text("Choose a conversation").wait_for()
    assert page.locator("h1").all_inner_texts() == ["Inbox"]
    with desk.visitor.context.expect_page() as opened:
        desk.card(two).locator("a").click(modifiers=["Control"])
    opened.value.locator(f'[data-talk="{desk.ids[two]}"]').wait_for()
    assert page.url.endswith("/inbox")
    page.go_forward()
    desk.await_shown(one)
    assert desk.is_same_page()
    page.reload()
    page.locator(f'[data-talk="{desk.ids[one]}"]').wait_for()
    assert not desk.is_same_page()


def test_what_is_half_written_stays_with_its_conversation(desk):
    desk.open(f"/sessions/{desk.ids[NAMES[0]]}")
    one, two, *_ = NAMES
    for name in (two, one):
        desk.choose(name)
        assert desk.page.input_value("#message") == ""
        desk.page.keyboard.type(f"half a word to {name}")
    for name in (two, one):
        desk.choose(name)
        assert desk.page.input_value("#message") == f"half a word to {name}"
    assert [desk.texts(name) for name in (one, two)] == [[f"Question of {name}"] for name in (one, two)]


def test_what_comes_while_another_one_is_chosen_is_shown_once(desk):
    one, two, *_ = NAMES
    desk.open(f"/sessions/{desk.ids[one]}")
    held, address = [], f"**/sessions/{desk.ids[two]}"
    desk.page.route(address, lambda route: held.append(route))
    desk.page.focus("#message")
    with desk.page.expect_request(address):
        desk.page.keyboard.press("Alt+ArrowUp")
    # The answer has the first of these, and is from before the others; it comes when all are known.
    desk.clients[two].send(desk.ids[two], "to both")
    desk.card(two).locator("[data-last]", has_text="to both").wait_for()
    answer = held[0].fetch()
    desk.clients[two].send(desk.ids[two], "to the one that comes")
    desk.clients[one].send(desk.ids[one], "to the one that is left")
    desk.card(two).locator("[data-last]", has_text="to the one that comes").wait_for()
    desk.card(one).locator("[data-last]", has_text="to the one that is left").wait_for()
    # Nothing goes to the wrong one meanwhile.
    desk.page.keyboard.type("no, jokes?")
    held[0].fulfill(response=answer)
    desk.await_shown(two)
    desk.page.unroute(address)
    desk.visitor.see("to the one that comes")
    assert desk.visitor.texts() == [f"Question of {two}", "to both", "to the one that comes"]
    assert desk.page.input_value("#message") == ""
    desk.choose(one)
    assert desk.visitor.texts() == [f"Question of {one}", "to the one that is left"]
    assert desk.page.input_value("#message") == ""
    desk.clients[one].send(desk.ids[one], "and now")
    desk.visitor.see("and now")
    assert desk.visitor.texts()[1:] == ["to the one that is left", "and now"]
    assert desk.is_same_page()


def test_nothing_of_the_conversation_that_is_left_goes_on(desk):
    one, two, *_ = NAMES
    desk.visitor.context.add_init_script(HIDE + TIMERS)
    desk.open(f"/sessions/{desk.ids[one]}")
    timers = desk.page.evaluate("timers.size")
    for name in (*NAMES[1:], one, two):
        desk.choose(name)
    assert desk.page.evaluate("timers.size") == timers
    desk.visitor.requests.clear()
    heard = desk.clients[one].send(desk.ids[one], "psst").json["messageId"]
    desk.card(one).locator("[data-unread]:visible").wait_for()
    # What is asked for after it has been asked for before it.
    desk.page.evaluate("dispatchEvent(new Event('focus'))")
    with desk.page.expect_response("**/api/chat/read"):
        desk.clients[two].send(desk.ids[two], "you look at me")
    assert desk.agent.show(desk.ids[one])["agent_read_id"] < heard
    assert [url for url in desk.visitor.requests if re.search(rf"/{desk.ids[one]}\b", url)] == []
    # It is one that nobody looks at: in the menu, and in the title.
    desk.page.locator(".menu [data-total]", has_text="1").wait_for()
    assert desk.page.title().endswith(f") {two} · Tête-à-tête")
    desk.choose(one)
    desk.card(one).locator("[data-unread]").wait_for(state="hidden")
    desk.page.locator(".menu [data-total]").wait_for(state="hidden")


def test_what_waits_to_be_sent_is_sent_from_another_conversation_and_once(desk):
    one, two, *_ = NAMES
    desk.open(f"/sessions/{desk.ids[one]}")
    # No time passes: what is sent, something has sent.
    desk.page.evaluate("window.setTimeout = () => 0")
    desk.page.route(SENDING, lambda route: route.abort())
    desk.visitor.send("written in time")
    desk.page.locator(".message.is-failed", has_text="written in time").wait_for()
    desk.choose(two)
    desk.choose(one)
    assert desk.visitor.texts() == [f"Question of {one}", "written in time"]
    desk.choose(two)
    desk.page.unroute(SENDING)
    desk.visitor.requests.clear()
    with desk.page.expect_response(SENDING):
        desk.page.evaluate("dispatchEvent(new Event('online'))")
    assert desk.visitor.texts() == [f"Question of {two}"]
    desk.choose(one)
    assert desk.visitor.texts() == desk.texts(one) == [f"Question of {one}", "written in time"]
    assert desk.page.locator(".message.is-failed, .message.is-pending").count() == 0
    assert sum(url.endswith("/api/chat/message") for url in desk.visitor.requests) == 1
    assert desk.is_same_page()


def test_a_request_is_accepted_in_place(desk):
    desk.open(f"/sessions/{desk.ids[NAMES[0]]}")
    client = desk.site.person("client", "Zoé Neuve")
    desk.ids["Zoé Neuve"] = client.ask(agent_id=desk.agent.id, message="Right now?")["id"]
    desk.card("Zoé Neuve").get_by_role("button", name="Accept").click()
    desk.await_shown("Zoé Neuve")
    desk.page.keyboard.type("Yes")
    desk.page.keyboard.press("Enter")
    desk.page.locator('[data-section="active"]').locator(desk.card("Zoé Neuve")).wait_for()
    assert desk.card("Zoé Neuve").get_by_role("button").count() == 0
    desk.page.get_by_role("button", name="Pause").click()
    desk.page.locator(".actions").get_by_role("button", name="Go on").wait_for()
    assert desk.texts("Zoé Neuve") == ["Right now?", "Yes"]
    assert desk.page.url.endswith(f"/sessions/{desk.ids['Zoé Neuve']}")
    assert desk.is_same_page()


@pytest.mark.parametrize("way", ["choose", "accept"])
def test_a_request_that_a_colleague_took_meanwhile_is_not_offered(desk, way):
    client, colleague = desk.site.person("client", "Zoé Neuve"), desk.site.person("agent")
    desk.open(f"/sessions/{desk.ids[NAMES[0]]}")
    desk.ids["Zoé Neuve"] = client.ask(message="Anybody?")["id"]
    card = desk.card("Zoé Neuve")
    card.wait_for()
    held, address = [], f"**/sessions/{desk.ids['Zoé Neuve']}" + ("/accept" if way == "accept" else "")
    desk.page.route(address, lambda route: held.append(route))
    with desk.page.expect_request(address):
        card.get_by_role("button", name="Accept").click() if way == "accept" else card.locator("a").click()
    colleague.do("accept", desk.ids["Zoé Neuve"])
    held[0].continue_()
    desk.page.get_by_role("alert").get_by_text("This request is gone").wait_for()
    card.wait_for(state="detached")
    # What was shown can be used again.
    desk.visitor.send("still here")
    desk.visitor.see("still here")
    assert desk.is_same_page()
    desk.choose(NAMES[1])
    assert desk.page.get_by_text("This request is gone").count() == 0


def test_where_it_cannot_be_asked_for_the_page_is_loaded(desk):
    desk.open()
    desk.page.route(
        "**/sessions/*",
        lambda route: route.abort() if route.request.resource_type == "fetch" else route.continue_(),
    )
    with desk.page.expect_navigation():
        desk.card(NAMES[0]).locator("a").click()
    desk.page.locator(f'[data-talk="{desk.ids[NAMES[0]]}"]').wait_for()
    assert not desk.is_same_page()


def test_a_card_says_who_waits_how_long_and_what_it_costs(desk):
    one = NAMES[0]
    desk.site.database.write(
        lambda db: db.conn.execute("UPDATE users SET language = 'fr' WHERE id = ?", [desk.clients[one].id])
    )
    desk.agent.send(desk.ids[one], "I listen")
    desk.clients[one].send(desk.ids[one], "Well…")
    desk.site.advance(30)
    desk.clients[one].send(desk.ids[one], "Are you there?")
    desk.open()
    first = desk.card(one)
    first.locator("[data-wait]", has_text=re.compile("^No answer for 0:[345]")).wait_for()
    assert first.locator("[data-language]").text_content() == "fr"
    assert "€2.50" in first.inner_text()
    assert "is-late" not in first.get_attribute("class")
    # The clock of the page goes on, as that of the server does.
    desk.page.clock.install()
    desk.page.reload()
    desk.page.clock.fast_forward(100_000)
    late = desk.page.locator(f'[data-card="{desk.ids[one]}"].is-late [data-wait]')
    late.get_by_text("No answer for 2:").wait_for()
    desk.agent.send(desk.ids[one], "I am")
    first.locator("[data-wait]", has_text="No answer").wait_for(state="detached")


def test_sections_fold_and_the_list_is_filtered(open_desk):
    desk = open_desk((*NAMES, "Farid Benali", "Gaëlle Simon"))
    for name in NAMES[:2]:
        desk.agent.do("pause", desk.ids[name])
    desk.open()
    page, shown = desk.page, {}
    field = page.get_by_role("searchbox", name="Filter the list")
    for words in ("emile", "QUESTION of gaelle", "nobody at all", ""):
        field.fill(words)
        shown[words] = [name for name in desk.ids if desk.card(name).is_visible()]
        assert page.get_by_text("No conversation in the list has these words.").is_visible() == (
            not shown[words]
        )
    assert list(shown.values()) == [["Émile Roux"], ["Gaëlle Simon"], [], list(desk.ids)]
    page.locator("summary", has_text="Paused").click()
    desk.card(NAMES[0]).wait_for(state="hidden")
    page.reload()
    desk.card(NAMES[0]).wait_for(state="hidden")
    assert desk.card(NAMES[2]).is_visible()


def test_on_a_phone_the_talk_comes_in_front_and_back_has_what_is_unread(open_desk):
    names = tuple(f"Client {number}" for number in range(12))
    phone = {"viewport": {"width": 390, "height": 700}, "has_touch": True, "is_mobile": True}
    desk = open_desk(names, **phone)
    desk.open()
    page, inbox = desk.page, desk.page.locator("[data-inbox]")
    desk.card(names[0]).scroll_into_view_if_needed()
    top = inbox.evaluate("list => list.scrollTop")
    assert top > 0
    desk.card(names[0]).locator("a").tap()
    page.locator("#talk-title:focus", has_text=names[0]).wait_for()
    assert not inbox.is_visible()
    back = page.locator("[data-back]")
    back.get_by_text("11", exact=True).wait_for()
    desk.clients[names[1]].send(desk.ids[names[1]], "and one more")
    back.get_by_text("12", exact=True).wait_for()
    back.tap()
    desk.card(names[0]).locator("a:focus").wait_for()
    assert abs(inbox.evaluate("list => list.scrollTop") - top) <= 1
    assert desk.is_same_page()


def test_five_conversations_and_the_queue_fit_a_screen(open_desk):
    desk = open_desk(viewport={"width": 1440, "height": 900})
    for name in ("Yann Neuf", "Zoé Neuve"):
        asked = desk.site.person("client", name).ask(agent_id=desk.agent.id, message="A question")
        desk.ids[name] = asked["id"]
    desk.open(f"/sessions/{desk.ids[NAMES[0]]}")
    # Requests of other tests.
    desk.page.evaluate(
        "ids => document.querySelectorAll('[data-card]').forEach((each) =>"
        " ids.includes(Number(each.dataset.card)) || each.remove())",
        list(desk.ids.values()),
    )
    last = desk.page.locator('[data-section="active"] [data-card]').last.bounding_box()
    assert last["y"] + last["height"] <= 900


def test_notes_are_kept_beside_the_conversation(desk):
    name, page = NAMES[0], desk.page
    desk.open(f"/sessions/{desk.ids[name]}")
    client = desk.clients[name].id
    notes, new = page.locator(".file-note .text"), page.locator(f"#note-{client}")
    new.fill("Works at\nnight.")
    desk.choose(NAMES[1])
    desk.choose(name)
    page.wait_for_function(f"() => document.getElementById('note-{client}')?.value")
    page.reload()
    page.wait_for_function(f"() => document.getElementById('note-{client}')?.value === 'Works at\\nnight.'")
    page.evaluate("window.survives = 1")
    new.press("Control+Enter")
    notes.wait_for()
    assert notes.all_text_contents() == ["Works at\nnight."]
    assert (new.input_value(), new.evaluate("field => field === document.activeElement")) == ("", True)
    page.locator(".file-acts summary").click()
    page.locator(".file-acts textarea").fill("Works by day.")
    page.locator(".file-acts details form button").click()
    page.locator(".file-note .text", has_text="by day").wait_for()
    assert page.locator(".file-acts summary").evaluate("summary => summary === document.activeElement")
    # A refused one says why, and stays.
    new.fill("\u200b")
    new.press("Control+Enter")
    page.locator(".file-content .hint.is-wrong").wait_for()
    new.fill("Offline")
    desk.visitor.context.set_offline(True)
    new.press("Control+Enter")
    page.locator("[data-unsaved]").nth(1).wait_for()
    desk.visitor.context.set_offline(False)
    desk.visitor.await_connection("live")
    new.press("Control+Enter")
    notes.nth(1).wait_for()
    page.locator(".file-acts > form button").nth(1).click()
    page.locator("#confirm [value=yes]").click()
    page.locator(".file-note .text", has_text="by day").wait_for(state="detached")
    kept = desk.agent.get(f"/api/chat/clients/{client}").json["notes"]
    assert [(each["text"], each["chat_session_id"]) for each in kept] == [("Offline", desk.ids[name])]
    assert desk.is_same_page()


def test_what_a_colleague_writes_is_there_after_a_while(desk, visit):
    name, page, admin = NAMES[0], desk.page, desk.site.person("admin")
    client = desk.clients[name].id
    page.clock.install()
    for place, text in (
        (f"/sessions/{desk.ids[name]}", "Pays on paper."),
        (f"/clients/{client}", "In June."),
    ):
        desk.open(place)
        page.locator(".file-content").wait_for()
        admin.post(f"/api/chat/clients/{client}/notes", {"text": text})
        page.clock.run_for(20_000)
        page.locator(".file-note .text", has_text=text).wait_for()
    # Nobody reads again and again for an administrator, whose readings are noted.
    office = visit(desk.site, admin)
    office.page.clock.install()
    office.open(f"/clients/{client}")
    office.page.clock.run_for(60_000)
    office.page.fill(f"#note-{client}", "Again.")
    office.page.press(f"#note-{client}", "Control+Enter")
    office.page.locator(".file-note .text", has_text="Again.").wait_for()
    found = admin.get(f"/api/chat/audit?userId={client}&kind=file_read").json["entries"]
    assert len(found) == 2  # Opened, and shown again with the note.


def test_the_switch_is_in_place_and_the_skip_links_lead_to_what_is_there(desk):
    desk.open()
    page, name = desk.page, NAMES[0]
    assert page.locator(".skip").count() == 1
    desk.choose(name)
    assert page.locator(".skip").nth(1).get_attribute("href") == "#message"
    page.fill("#message", "Half written")
    for is_on in ("false", "true"):
        page.locator("[data-switch] button").click()
        page.locator(f'[data-switch] [aria-pressed="{is_on}"]:focus').wait_for()
    assert page.input_value("#message") == "Half written"
    assert page.url.endswith(f"/sessions/{desk.ids[name]}")
    page.go_back()
    page.locator(".talk.is-empty").wait_for()
    assert page.locator(".skip").count() == 1
    assert desk.is_same_page()
