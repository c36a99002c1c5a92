"""Two browsers: how long from Enter on one page until the message is shown on the other."""

import shutil
from argparse import Namespace
from itertools import cycle, islice
from typing import Any

from bench.client import HOST
from bench.meter import Figures
from bench.server import Server, fresh_database

# When each message of the other side was shown, by its text.
WATCH = """
window.shown = {};
addEventListener("DOMContentLoaded", () => {
  new MutationObserver((changes) => {
    for (const item of document.querySelectorAll(".message.is-other .text")) {
      window.shown[item.textContent] ??= Date.now();
    }
  }).observe(document.querySelector("[data-messages]"), { childList: true, subtree: true });
});
"""
SEND = """text => {
  const input = document.querySelector("#message");
  input.value = text;
  input.form.requestSubmit();
  return Date.now();
}"""


def pages(options: Namespace) -> Figures:
    """Two browsers, two workers: from Enter until it is shown on the other side."""
    from playwright.sync_api import sync_playwright

    with (
        fresh_database(1) as (database, sessions),
        Server(database, options.worker_class, 10, {"CHAT_WORKERS": "2"}) as server,
        sync_playwright() as playwright,
    ):
        url = f"http://{HOST}:{server.port}"
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        people = [_open(browser, url, sessions[0].id, token) for token in sessions[0].tokens.values()]
        found = [_exchange(*pair, number) for number, pair in enumerate(_turns(people, options.messages))]
        browser.close()
    found.sort()
    return {
        "messages": len(found),
        "shown: p50 ms": found[len(found) // 2],
        "shown: p95 ms": found[len(found) * 95 // 100],
        "shown: max ms": found[-1],
    }


def _open(browser: Any, url: str, session_id: int, token: str) -> Any:
    context = browser.new_context()
    context.add_cookies([{"name": "session", "value": token, "url": url}])
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(f"{url}/sessions/{session_id}")
    page.wait_for_selector('[data-connection="live"]', state="attached")
    return page


def _turns(people: list[Any], count: int) -> Any:
    """(who writes, who reads), each in turn."""
    return islice(cycle([people, people[::-1]]), count)


def _exchange(sender: Any, reader: Any, number: int) -> float:
    """Milliseconds by the clock that both pages share."""
    text = f"message {number}"
    sent_at = sender.evaluate(SEND, text)
    reader.wait_for_function("text => window.shown[text]", arg=text)
    shown_at: float = reader.evaluate("text => window.shown[text]", text)
    return shown_at - sent_at
