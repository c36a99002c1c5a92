"""Files in a conversation, by browsers."""

import base64
import re

from tests.test_attachments import PDF, sent
from tests.test_look import SHIFTS, assert_still
from tests.test_pictures import photograph

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
PASTE = """
([content, name]) => {
  const bytes = Uint8Array.from(atob(content), (each) => each.charCodeAt(0));
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([bytes], name, { type: "image/jpeg" }));
  const pasted = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
  document.querySelector("#message").dispatchEvent(pasted);
}
"""


def test_a_picture_pasted_on_a_phone_is_there_once_and_nothing_jumps(site, visit):
    talk = site.conversation()
    agent, client = visit(site, talk.agent), visit(site, talk.client, **PHONE)
    agent.context.add_init_script(SHIFTS)
    for each in (agent, client):
        each.open(f"/sessions/{talk.id}")
        each.await_connection("live")
    agent.page.evaluate("window.shift = 0")
    keys = []

    def cut_twice(route):
        keys.append(re.search(r"[0-9a-f]{32}", route.request.post_data_buffer.decode("latin-1"))[0])
        if len(keys) < 3:
            route.abort()
        else:
            route.continue_()

    client.page.route("**/api/chat/attachments/*", cut_twice)
    client.page.evaluate(PASTE, [base64.b64encode(photograph(800, 600)).decode(), "image.jpg"])
    client.page.locator(".tray-picture:not([hidden])").wait_for()
    client.page.fill("#message", "The stairs")
    client.page.click(".send")
    picture = agent.page.locator(".message .attachment img").last
    picture.wait_for()
    agent.page.wait_for_function("document.querySelector('.message .attachment img').naturalWidth > 0")
    assert picture.evaluate("image => [image.width, image.height]") == [240, 320]
    assert_still(agent.page)
    client.page.locator(".message.is-own:not(.is-pending) .attachment[href]").wait_for()
    client.page.locator(".message.is-failed").wait_for(state="detached")
    assert client.page.locator(".message .attachment").count() == 1
    assert [each["name"] for each in sent(talk)] == ["image.jpg"]
    assert len(keys) == 3 and len(set(keys)) == 1
    client.problems.clear()  # Of the requests that were cut.


def test_files_are_chosen_taken_away_cancelled_and_refused(site, visit):
    talk = site.conversation()
    client = visit(site, talk.client)
    page = client.page
    client.open(f"/sessions/{talk.id}")
    client.await_connection("live")
    svg = ("drawing.svg", "image/svg+xml", b"<svg/>")
    files = [("lease.pdf", "application/pdf", PDF), svg, ("a.txt", "", b"x")]
    page.set_input_files(
        "#file", [{"name": name, "mimeType": kind, "buffer": content} for name, kind, content in files]
    )
    assert page.locator("[data-tray-problem]").inner_text().startswith("drawing.svg")
    assert page.locator("[data-tray-name]").all_inner_texts() == ["lease.pdf", "a.txt"]
    page.locator("[data-tray-remove]").first.click()
    page.click(".send")
    page.locator(".message .attachment[href]", has_text="a.txt").wait_for()
    assert page.locator("[data-tray]").is_hidden()
    with page.expect_download() as download:
        page.locator(".message .attachment", has_text="a.txt").click()
    assert download.value.suggested_filename == "a.txt"
    page.route("**/api/chat/attachments/*", lambda route: None)  # It never gets there.
    page.set_input_files("#file", [{"name": "lease.pdf", "mimeType": "application/pdf", "buffer": PDF}])
    page.press("#message", "Enter")
    page.locator(".message.is-pending button", has_text="Cancel").click()
    page.locator(".message", has_text="lease.pdf").wait_for(state="detached")
    assert [each["name"] for each in sent(talk)] == ["a.txt"]
