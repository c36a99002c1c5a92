"""Two browsers: what one edits or deletes is so on both, in its place and without a jump."""

import pytest

from chat import indexing
from tests.server import await_that

SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shifts += value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture
def server(site):
    return site


@pytest.fixture
def two(talk, visit, server):
    """The client's page and the agent's, both live."""
    for number in range(30):
        talk.agent.send(talk.id, f"Message {number}")
    talk.client.send(talk.id, "Kanarie")
    people = visit(server, talk.client), visit(server, talk.agent)
    for who in people:
        who.page.add_init_script(SHIFTS)
        who.open(f"/sessions/{talk.id}")
        who.see("Kanarie")
        who.page.locator("[data-without-script]").wait_for(state="hidden")
        who.page.locator("[data-connection=off]").first.wait_for(state="detached")
    return people


def test_up_edits_the_last_message_and_escape_leaves_it(two):
    client, agent = two
    page = client.page
    page.fill("#message", "Half written")
    page.press("#message", "ArrowUp")
    assert page.input_value("#message") == "Half written"
    page.fill("#message", "")
    page.press("#message", "ArrowUp")
    assert page.input_value("#message") == "Kanarie"
    page.press("#message", "Escape")
    assert page.input_value("#message") == ""
    page.press("#message", "ArrowUp")
    page.fill("#message", "Kanari & <b>mehr</b>\nin zwei Zeilen")
    page.press("#message", "Enter")
    for who in two:
        who.see("Kanari & <b>mehr</b>")
        last = who.page.locator(".message").last
        assert last.locator("[data-edited]").is_visible()
        assert who.texts().count("Kanari & <b>mehr</b>\nin zwei Zeilen") == 1
        assert "Kanarie" not in who.texts()
        assert who.page.locator("[data-jump]").is_hidden()
        assert who.page.evaluate("window.shifts") < 0.1
    assert page.input_value("#message") == "" and page.locator("[data-editing]").is_hidden()
    # What is sent next is a message of its own.
    client.send("Encore")
    agent.see("Encore")


def test_deleting_asks_first_and_is_seen_on_both_sides(two):
    client, _ = two
    message = client.page.locator(".message", has_text="Kanarie")
    message.hover()
    message.get_by_role("link", name="Edit").click()
    client.page.locator("[data-delete] button").click()
    client.page.locator("#confirm [value=no]").click()
    assert "Kanarie" in client.texts()
    client.page.locator("[data-delete] button").click()
    client.page.locator("#confirm [value=yes]").click()
    for who in two:
        who.see("This message was deleted by its writer.")
        assert "Kanarie" not in who.texts()
        last = who.page.locator(".message").last
        assert last.locator("[data-edit]").is_hidden() and last.locator("[data-copy]").is_hidden()
    assert client.page.locator("[data-editing]").is_hidden()


def test_without_scripts_a_page_of_its_own_edits_and_deletes(talk, visit, server):
    first = talk.client.send(talk.id, "Kanarie").json["messageId"]
    who = visit(server, talk.client, java_script_enabled=False)
    who.open(f"/sessions/{talk.id}")
    who.follow(f"#message-{first} [data-edit]")
    who.page.fill("#message", "Kanari")
    who.follow("button:has-text('Save')")
    assert who.page.url.endswith(f"?around={first}#message-{first}")
    assert "Kanari" in who.texts()
    who.follow(f"#message-{first} [data-edit]")
    who.follow("button:has-text('Delete')")
    assert talk.agent.fetch(talk.id).json["messages"][-1]["is_deleted"] == 1


def test_what_was_searched_for_is_in_view_among_the_others(talk, visit, server):
    first = talk.client.send(talk.id, "Le tapir et le contrat").json["messageId"]
    for number in range(60):
        talk.agent.send(talk.id, f"Message {number}")
    indexing.catch_up(server.runtime)
    who = visit(server, talk.agent)
    who.open("/search")
    who.page.fill("#q", "TAPIR contr")
    who.page.press("#q", "Enter")
    found = who.page.locator(".found a")
    assert found.locator("mark").all_inner_texts() == ["tapir", "contrat"]
    who.follow(found)
    message = who.page.locator(f"#message-{first}")
    message.wait_for()
    who.page.locator("[data-without-script]").wait_for(state="hidden")
    await_that(
        lambda: who.page.evaluate(
            """id => {
          const { top, bottom } = document.getElementById(id).getBoundingClientRect();
          const log = document.querySelector("[data-log]").getBoundingClientRect();
          return top >= log.top && bottom <= log.bottom;
        }""",
            f"message-{first}",
        )
    )
