"""What somebody has typed stays theirs, whatever becomes of the conversation, the server and the page."""

import pytest

from tests.test_browser_refuses import DENIED
from tests.test_live import stored
from tests.test_restore import back_up, restore

TYPED = "I would like to know whether I may sublet my flat while I am away."


@pytest.fixture
def talk(site):
    return site.conversation()


def enter(visitor, talk):
    visitor.open(f"/sessions/{talk.id}")
    visitor.await_connection("live")
    return visitor


@pytest.mark.parametrize("typed", [TYPED, ""], ids=["typed", "empty"])
def test_an_agent_is_told_who_goes_on_and_keeps_what_was_typed(site, talk, visit, typed):
    other = site.person("agent", "Me Girard", rate_cents=0)
    agent = enter(visit(site, talk.agent), talk)
    page, before = agent.page, agent.texts()
    page.fill("#message", typed)
    page.locator("[data-peer=online]").wait_for()
    assert page.get_by_text("Transcript:").is_visible()
    assert talk.agent.do("transfer", talk.id, agent_id=other.id).status == 200
    page.get_by_text("This conversation was handed over to Me Girard.").wait_for()
    assert page.url.endswith(f"/sessions/{talk.id}")
    assert agent.texts() == before
    assert page.locator("[data-composer]").is_hidden()
    assert page.locator("[data-heir] ~ [data-unsent]").text_content() == typed
    assert page.locator("[data-heir] ~ [data-unsent]").is_visible() == bool(typed)
    # Nothing of what is another's from now on, and no way to it that is none.
    assert page.locator("[data-peer]").text_content() == ""
    assert page.get_by_text("Transcript:").is_hidden()
    page.reload()
    page.get_by_text("This conversation was handed over to Me Girard.").wait_for()
    assert page.locator("[data-heir] ~ [data-unsent]").text_content() == typed
    agent.follow(page.get_by_role("link", name="To the inbox"))
    assert page.url.endswith("/inbox")


def test_an_agent_who_gets_a_conversation_back_misses_nothing_of_it(site, talk, visit):
    other, agent_id = site.person("agent", "Me Girard", rate_cents=0), talk.agent.show(talk.id)["agent"]["id"]
    agent = enter(visit(site, talk.agent), talk)
    agent.page.fill("#message", TYPED)
    talk.agent.do("transfer", talk.id, agent_id=other.id)
    agent.page.get_by_text("This conversation was handed over to Me Girard.").wait_for()
    for number in range(3):
        talk.client.send(talk.id, f"line {number}")
    # The agent's cursor goes on meanwhile.
    site.person("client").ask(agent_id=agent_id, message="Another question")
    agent.page.locator("[data-card]", has_text="Another question").wait_for()
    other.do("transfer", talk.id, agent_id=agent_id)
    assert talk.client.agree(talk.id).status == 200
    agent.see("line 2")
    assert agent.texts() == stored(talk)
    agent.page.get_by_text("Transcript:").wait_for()
    assert agent.page.input_value("#message") == TYPED
    agent.page.press("#message", "Enter")
    agent.page.locator(".message[data-id]:not([data-id=''])", has_text=TYPED).wait_for()
    assert stored(talk)[-1] == TYPED


@pytest.mark.parametrize(
    ("transport", "script"),
    [("longpoll", ""), ("longpoll", DENIED), ("ws", "")],
    ids=["longpoll", "denied", "websocket"],
)
def test_a_restored_backup_takes_nothing_that_is_typed(start, run, visit, tmp_path, transport, script):
    server = start(transport=transport)
    talk = server.conversation()
    client = visit(server, talk.client)
    client.context.add_init_script(script)
    tabs = [client.page, client.tab()]
    for tab in tabs:
        tab.goto(f"/sessions/{talk.id}")
        client.await_connection("live" if transport == "longpoll" else "websocket", tab)
    tabs[0].fill("#message", TYPED)
    back_up(server, tmp_path / "backup.db")
    talk.agent.send(talk.id, "lost")
    for tab in tabs:
        client.see("lost", tab)
    restore(run, server, tmp_path / "backup.db", "running")
    talk.agent.send(talk.id, "after")
    for tab in tabs:
        client.see("after", tab)
    # Where nothing is typed the page is loaded again by itself.
    tabs[1].wait_for_function("() => !document.body.textContent.includes('lost')")
    assert client.texts(tabs[1]) == stored(talk)
    said = tabs[0].get_by_role("alert").filter(has_text="The server went back to a backup")
    said.wait_for()
    assert tabs[0].input_value("#message") == TYPED
    if not script:
        with tabs[0].expect_navigation():
            said.get_by_role("button", name="Load the page again").click()
    tabs[0].press("#message", "Enter")
    tabs[0].locator(".message[data-id]:not([data-id=''])", has_text=TYPED).wait_for()
    assert stored(talk)[-2:] == ["after", TYPED]
