"""A widget in a browser, on a page of another site with a strict policy; third-party cookies are blocked."""

import re

import pytest

from chat import widgets
from tests.server import Server
from tests.test_attachments import send
from tests.test_pictures import photograph
from tests.website import Website

# Some browsers let no frame of another site keep anything.
DENIED = """
for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("Denied", "SecurityError"); } });
}
"""
PAGE = "iframe:not([inert])"


class Shop:
    """A website, and whoever looks at it."""

    def __init__(self, site, visit, name="shop", tags=1, language="en", **options):
        self.chat = f"http://chat.example:{site.address[1]}"
        self.website = Website(self.chat, language, options.pop("dir", "ltr"))
        self.widget = widgets.add(site.runtime, None, "Shop", [self.website.url("shop")])
        tag = f'<script src="{self.chat}/widget.js" data-key="{self.widget["key"]}" async></script>'
        self.website.tag = tag * tags
        self.visitor = visit(Place(self.website.url(name)), **options)
        self.page = self.visitor.page
        self.said = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.button = self.page.locator("tete-a-tete button")
        self.badge = self.page.locator("tete-a-tete span")
        self.box = self.page.locator("tete-a-tete .box")

    @property
    def inside(self):
        """The page in the frame."""
        return self.page.frame_locator("tete-a-tete iframe").frame_locator(PAGE)

    def ask(self, agent_name, text):
        """Open it, and ask this agent as a guest: the id of the conversation."""
        self.button.click()
        self.inside.get_by_role("link", name=agent_name).click()
        self.inside.locator("#name").fill("Camille")
        self.inside.locator("#message").fill(text)
        self.inside.locator("form.card button").last.click()
        talk = self.inside.locator("[data-talk]")
        return int(talk.get_attribute("data-talk"))

    def write(self, text):
        self.inside.locator("[data-without-script]").wait_for(state="hidden")
        self.inside.locator("#message").fill(text)
        self.inside.locator("#message").press("Enter")

    def see(self, text):
        self.inside.locator(".message .text", has_text=text).wait_for()


class Place:
    """Where somebody goes."""

    def __init__(self, url):
        self.url = url


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Of which the list of agents has one page."""
    with Server(tmp_path_factory.mktemp("shop"), workers=2) as running:
        yield running


@pytest.fixture
def shop(site, visit):
    shops = []

    def open_one(**options):
        shops.append(Shop(site, visit, **options))
        shops[-1].website.__enter__()
        shops[-1].visitor.open("/")
        return shops[-1]

    yield open_one
    for each in shops:
        each.website.__exit__()


def test_a_whole_conversation_on_another_site_without_its_cookies(site, visit, shop):
    at_work = site.person("agent", "Dr Laurent")
    here = shop()
    desk = visit(Place(here.chat), at_work)
    desk.open("/inbox")
    asked = here.ask("Ask Dr Laurent", "Which chair?")
    desk.page.locator("[data-card]", has_text="Which chair?").get_by_text("Accept").click()
    desk.send("The green one.")
    here.see("The green one.")
    assert send(at_work, asked, photograph(), "chair.jpg").status == 201
    here.inside.locator('.attachment img[src^="blob:"]').wait_for()
    table = {"name": "table.jpg", "mimeType": "image/jpeg", "buffer": photograph()}
    here.inside.locator("input[type=file]").set_input_files(table)
    here.write("And the table?")
    desk.page.locator(".message.is-other .attachment img").wait_for()
    desk.see("And the table?")
    # Closed, it tells how much is unread.
    here.inside.locator("#message").press("Escape")
    here.page.locator("tete-a-tete .box:not(.is-open)").wait_for(state="attached")
    assert here.page.evaluate("document.activeElement.shadowRoot.activeElement.ariaLabel") == "Chat with us"
    desk.send("It is blue.")
    here.page.get_by_role("button", name="Chat with us (1 new messages)").wait_for()
    assert here.badge.text_content() == "1"
    # Another page of the site: it goes on where it was.
    here.visitor.follow("text=Another page")
    here.page.get_by_role("button", name="Chat with us (1 new messages)").click()
    here.see("It is blue.")
    here.page.locator("tete-a-tete span:empty").wait_for(state="attached")
    here.page.reload()
    here.see("It is blue.")  # It was open, and is open again.
    desk.page.get_by_role("button", name="End the conversation").click()
    desk.page.locator("dialog [value=yes]").click()
    here.inside.locator("[data-rating] label").nth(3).click()
    here.inside.locator("[data-rating] button").click()
    here.inside.get_by_text("Thank you for your rating.").wait_for()
    assert at_work.show(asked)["rating"] == 4
    assert not [each for each in here.visitor.context.cookies() if "chat.example" in each["domain"]]
    assert here.page.evaluate("Object.keys(window).filter((name) => /tete|widget/i.test(name))") == [
        "TeteATete"
    ]


def test_a_site_that_is_not_among_its_origins_gets_an_empty_frame_and_is_told_why(shop):
    here = shop(name="thief")
    with here.page.expect_console_message(lambda message: "Tête-à-tête:" in message.text) as told:
        pass
    assert f"{here.website.url('thief')} is not among its origins" in told.value.text
    assert f"{here.chat}/admin/widgets" in told.value.text
    assert here.button.is_hidden()
    assert not [frame for frame in here.page.frames if frame.url.startswith(here.chat)]
    here.page.evaluate("TeteATete.open()")
    assert here.box.evaluate("(box) => getComputedStyle(box).visibility") == "hidden"


def test_without_storage_twice_on_a_page_and_under_a_framework_it_works(site, shop):
    agent = site.person("agent", "Dr Martin")
    here = shop(tags=2)
    here.visitor.context.add_init_script(DENIED)
    here.page.reload()
    here.button.wait_for()
    assert here.page.locator("tete-a-tete").count() == 1
    asked = here.ask("Ask Dr Martin", "Hello?")
    # As frameworks go to another page; and a script of it that runs once more.
    here.page.evaluate("document.documentElement.replaceChild(document.createElement('body'), document.body)")
    agent.do("accept", asked)
    agent.send(asked, "Good morning.")
    here.see("Good morning.")
    here.write("Here I am.")
    assert agent.poll(asked, lastMessageId=agent.fetch(asked).json["messages"][0]["id"]).result().texts
    here.inside.get_by_role("link", name="You").click()
    here.inside.get_by_role("button", name="Forget me here").click()
    here.inside.locator("dialog [value=yes]").click()
    here.inside.get_by_role("link", name="Ask Dr Martin").wait_for()
    assert here.inside.locator("nav").count() == 0
    here.page.keyboard.press("Escape")
    here.page.locator("tete-a-tete .box:not(.is-open)").wait_for(state="attached")


def test_on_a_phone_it_is_the_screen_and_it_speaks_the_language_of_the_page(shop):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    here = shop(language="fr", dir="rtl", **phone)
    here.page.get_by_role("button", name="Discuter avec nous").click()
    here.inside.get_by_role("heading", name="À qui souhaitez-vous parler ?").wait_for()
    box = here.box.bounding_box()
    assert (box["x"], box["width"], box["height"]) == (0, 390, 844)
    here.inside.get_by_role("button", name=re.compile("Fermer")).click()
    here.page.locator("tete-a-tete .box:not(.is-open)").wait_for(state="attached")
    assert here.button.bounding_box()["x"] < 100  # Where lines end, there.
