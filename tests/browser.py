"""People in front of a real Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Response, sync_playwright

from tests.server import PATIENCE_SECONDS

# The first has no window system, and takes two thirds of the others' time.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Websites around a widget are other sites: names that lead here, and no cookie of a third party is taken.
SITES = ("--host-resolver-rules=MAP *.example 127.0.0.1", "--test-third-party-cookie-phaseout")
# A script of a page that the safety policy forbids is told to nobody else.
WATCH = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
});
"""


@contextmanager
def launch() -> Iterator[Browser]:
    """Debian's, or else the one that Playwright brings."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        # Its sandbox does not run as root.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", *SITES])
        yield browser
        browser.close()


class Visitor:
    """Somebody with a browser of their own: cookies, tabs, and what went wrong in them."""

    def __init__(self, browser: Browser, url: str, token: str | None, **options: Any) -> None:
        self.url = url
        self.problems: list[str] = []
        self.requests: list[str] = []
        options.setdefault("locale", "en-GB")
        self.context = browser.new_context(base_url=url, timezone_id="Europe/Paris", **options)
        self.context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.context.add_init_script(WATCH)
        if token:
            self.context.add_cookies([{"name": "session", "value": token, "url": url}])
        self.page = self.tab()

    def tab(self) -> Page:
        """One more."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: self.problems.append(f"{page.url}: dialog {dialog.message}"))
        page.on(
            "console",
            lambda message: "policy:" in message.text and self.problems.append(f"{page.url}: {message.text}"),
        )
        page.on("request", lambda request: self.requests.append(request.url))
        return page

    def open(self, path: str) -> Response:
        """In the first tab."""
        answer = self.page.goto(path)
        assert answer is not None
        return answer

    def follow(self, what: str | Locator) -> None:
        """Click what leads to another page, and be there."""
        with self.page.expect_navigation():
            (self.page.locator(what) if isinstance(what, str) else what).click()

    def send(self, text: str) -> None:
        """Write it in the open conversation, once its scripts run: before that Enter is a new line."""
        self.page.locator("[data-without-script]").wait_for(state="hidden")
        self.page.fill("#message", text)
        self.page.press("#message", "Enter")

    def texts(self, page: Page | None = None) -> list[str]:
        """What the messages say, in the order of the page."""
        texts: list[str] = (page or self.page).locator(".message .text").all_text_contents()
        return texts

    def see(self, text: str, page: Page | None = None) -> None:
        """Wait for a message."""
        (page or self.page).locator(".message .text", has_text=text).first.wait_for()

    def await_connection(self, mode: str, page: Page | None = None) -> None:
        """Wait for what the indicator says: live, polling, offline or stopped."""
        (page or self.page).locator(f'[data-connection="{mode}"]').first.wait_for(state="attached")

    def close(self) -> None:
        """All tabs."""
        self.context.close()
