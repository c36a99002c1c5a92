"""What is written stays until it is sent or its writer takes it away, in two tabs and when it is refused."""

import pytest

from tests.test_live import expect_all, stored

SENDING = "**/api/chat/message"


@pytest.fixture
def talk(site):
    return site.conversation()


@pytest.fixture
def client(site, talk, visit):
    visitor = visit(site, talk.client)
    visitor.open(f"/sessions/{talk.id}")
    visitor.await_connection("live")
    return visitor


@pytest.fixture
def tabs(talk, client):
    other = client.tab()
    other.goto(f"/sessions/{talk.id}")
    client.await_connection("live", other)
    return client.page, other


def write(tab, text):
    """Write it, and wait until it is shown as not sent."""
    tab.fill("#message", text)
    tab.press("#message", "Enter")
    tab.locator(".message.is-pending", has_text=text).wait_for()


def await_sent(*tabs):
    """Send again, until nothing waits."""
    for tab in tabs:
        tab.evaluate("() => dispatchEvent(new Event('online'))")
    for tab in tabs:
        tab.wait_for_function("() => !document.querySelector('.message.is-pending')")


def await_kept(tab, count):
    """Wait until so many are in the browser's storage."""
    tab.wait_for_function(
        "count => Object.keys(localStorage).filter(name => name.startsWith('outbox:')).length === count",
        arg=count,
    )


def test_what_two_tabs_could_not_send_is_kept_and_sent_once_and_in_order(talk, client, tabs):
    before, written = stored(talk), ["one", "two", "three", "four"]
    client.context.set_offline(True)
    for number, text in enumerate(written):
        write(tabs[number % 2], text)
    # The pages come back before the messages get through.
    client.context.route(SENDING, lambda route: route.abort())
    client.context.set_offline(False)
    for tab in tabs:
        tab.reload()
        tab.locator(".message.is-pending").nth(3).wait_for()
        assert client.texts(tab) == [*before, *written]
    client.context.unroute(SENDING)
    await_sent(*tabs)
    assert stored(talk) == [*before, *written]
    expect_all(talk, client)
    for tab in tabs:
        tab.reload()
        assert client.texts(tab) == stored(talk)
        await_kept(tab, 0)


def test_a_tab_that_sends_leaves_alone_what_another_one_keeps(talk, client, tabs):
    client.context.route(SENDING, lambda route: route.abort())
    write(tabs[0], "kept by a page that is left")
    write(tabs[1], "sent by the other")
    tabs[0].goto("/profile")
    client.context.unroute(SENDING)
    await_sent(tabs[1])
    assert stored(talk)[-1] == "sent by the other"
    await_kept(tabs[1], 1)
    tabs[1].reload()
    await_sent(tabs[1])
    assert stored(talk)[-2:] == ["sent by the other", "kept by a page that is left"]
    await_kept(tabs[1], 0)


def test_each_tab_has_a_draft_of_its_own_and_a_new_one_begins_with_the_last(talk, client, tabs):
    for tab, text in zip(tabs, ("half a thou", "another id"), strict=True):
        tab.fill("#message", text)
    for tab, text in zip(tabs, ("half a thou", "another id"), strict=True):
        tab.reload()
        assert tab.input_value("#message") == text
    tabs[1].close()
    new = client.tab()
    new.goto(f"/sessions/{talk.id}")
    assert new.input_value("#message") == "another id"
    new.fill("#message", "another idea")
    new.press("#message", "Enter")
    client.see("another idea")
    assert client.page.input_value("#message") == "half a thou"
    for tab, text in ((client.page, "half a thou"), (new, "")):
        tab.reload()
        assert tab.input_value("#message") == text


def test_signing_out_takes_away_what_was_half_written(client, tabs):
    client.page.fill("#message", "half a thou")
    client.page.get_by_role("button", name="Sign out").click()
    client.page.wait_for_url("**/login**")
    assert client.page.evaluate("() => [localStorage.length, sessionStorage.length]") == [0, 0]


# Unseen for the server, and something for a browser's trim().
REFUSED = "\u3164"


def test_what_is_refused_stays_with_why_and_is_edited(talk, client):
    before, page, held = stored(talk), client.page, []
    client.context.route(SENDING, lambda route: held.append(route), times=1)
    with page.expect_request(SENDING):
        client.send(REFUSED)
    write(page, "behind it")
    held[0].continue_()
    refused = page.locator(".message.is-failed", has_text="A value is missing or not acceptable.")
    refused.wait_for()
    page.locator(".message[data-id]:not([data-id=''])", has_text="behind it").wait_for()
    page.reload()
    refused.wait_for()
    page.fill("#message", "half a thou")
    refused.get_by_role("button", name="Edit").click()
    assert page.input_value("#message") == f"{REFUSED}\nhalf a thou"
    client.send("mended")
    page.locator(".message[data-id]:not([data-id=''])", has_text="mended").wait_for()
    assert client.texts() == stored(talk) == [*before, "behind it", "mended"]
    await_kept(page, 0)
    assert sum(url.endswith("/api/chat/message") for url in client.requests) == 3


def test_what_comes_after_the_end_stays_with_why_until_it_is_removed(talk, client):
    before, page = stored(talk), client.page
    client.context.set_offline(True)
    write(page, "one more thing")
    talk.agent.do("end", talk.id)
    client.context.set_offline(False)
    refused = page.locator(".message.is-failed", has_text="The conversation has ended.")
    remove = refused.filter(has_text="one more thing").get_by_role("button", name="Remove")
    remove.wait_for()
    page.reload()
    remove.click()
    await_kept(page, 0)
    assert client.texts() == stored(talk) == before
    page.reload()
    assert client.texts() == before


def test_what_was_written_while_it_was_handed_over_is_kept_for_who_wrote_it(site, talk, visit):
    other, agent_id = site.person("agent", rate_cents=0), talk.agent.show(talk.id)["agent"]["id"]
    agent = visit(site, talk.agent)
    page = agent.page
    agent.open(f"/sessions/{talk.id}")
    agent.await_connection("live")
    agent.context.set_offline(True)
    write(page, "one more thing")
    page.fill("#message", "half a thou")
    assert talk.agent.do("transfer", talk.id, agent_id=other.id).status == 200
    agent.context.set_offline(False)
    page.locator(".message.is-failed", has_text="There is nothing here, or it is not yours.").wait_for()
    page.reload()
    page.get_by_text("This conversation was handed over").wait_for()
    page.wait_for_function("() => document.querySelector('[data-unsent]').textContent")
    assert page.locator("[data-unsent]").text_content() == "one more thing\n\nhalf a thou"
    # Given back, it can be sent.
    other.do("transfer", talk.id, agent_id=agent_id)
    assert talk.client.agree(talk.id).status == 200
    page.reload()
    page.locator(".message.is-failed").get_by_role("button", name="Edit").click()
    assert page.input_value("#message") == "one more thing\nhalf a thou"


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_what_is_not_taken_now_is_sent_again(talk, client, status):
    before, page = stored(talk), client.page
    client.context.route(SENDING, lambda route: route.fulfill(status=status, json={}), times=1)
    client.send("patience")
    page.locator(".message.is-failed", has_text="Try again").wait_for()
    page.locator(".message[data-id]:not([data-id=''])", has_text="patience").wait_for()
    assert client.texts() == stored(talk) == [*before, "patience"]
