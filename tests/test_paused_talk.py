"""In a pause each side writes a few words; after that it goes on first."""

import pytest

from chat.store import messages
from tests.pages.visitor import Visitor
from tests.story import Story


@pytest.fixture
def server(site):
    return site


@pytest.fixture
def paused(talk):
    """By the client, who has written all that there is room for."""
    talk.agent.send(talk.id, "Bonjour")
    talk.client.do("pause", talk.id)
    for number in range(3):
        assert talk.client.send(talk.id, f"{number}", client_message_id=f"key-{number}").status == 201
    return talk


def test_each_side_writes_three_messages_in_a_pause(paused):
    for who, may_resume in ((paused.agent, False), (paused.client, True)):
        if not may_resume:
            assert [who.send(paused.id, "Oui").status for _ in range(3)] == [201] * 3
        refused = who.send(paused.id, "Encore")
        assert (refused.status, refused.json["code"]) == (409, "session_paused")
        assert (refused.json["pause_reason"], refused.json["may_resume"]) == ("paused_by_client", may_resume)
    again = paused.client.send(paused.id, "2", client_message_id="key-2")
    assert (again.status, again.json["duplicate"]) == (200, True)
    paused.client.do("resume", paused.id)
    assert paused.client.send(paused.id, "Encore").status == 201


def test_without_scripts_one_button_goes_on_and_sends(site, paused, visit):
    page = visit(site, paused.client, java_script_enabled=False)
    page.open(f"/sessions/{paused.id}")
    page = page.page
    assert page.get_by_text("What is written now is not paid.").is_visible()
    page.fill("#message", "Encore")
    page.get_by_role("button", name="Send", exact=True).click()
    assert page.input_value("#message") == "Encore"
    page.get_by_role("button", name="Go on, and send it").click()
    page.locator(".messages >> text=Encore").wait_for()
    assert paused.client.show(paused.id)["status"] == "active"


def test_with_scripts_what_was_refused_goes_on_with_one_tap(site, paused, visit):
    visitor = visit(site, paused.client)
    visitor.open(f"/sessions/{paused.id}")
    page = visitor.page
    for text in ("Encore", "Et encore"):
        page.fill("#message", text)
        page.keyboard.press("Enter")
    page.locator(".is-failed >> text=Et encore").wait_for()
    page.get_by_role("button", name="Go on, and send it").first.click()
    page.locator(".is-failed").first.wait_for(state="detached")
    page.wait_for_function("!document.querySelector('.is-failed') && !document.querySelector('.is-pending')")
    assert paused.agent.fetch(paused.id).texts[-2:] == ["Encore", "Et encore"]


def test_what_cannot_be_sent_ends_no_pause(site, paused):
    path = f"/sessions/{paused.id}/messages"
    assert Visitor(site, paused.client).post(path, message="o" * 4001, resume="1").status == 400
    assert paused.client.show(paused.id)["status"] == "paused"


def test_what_went_on_and_was_sent_is_answered_again_after_the_end(site, paused):
    visitor, form = Visitor(site, paused.client), {"message": "Encore", "resume": "1", "key": "again"}
    path = f"/sessions/{paused.id}/messages"
    assert visitor.post(path, **form).status == 303
    paused.client.do("end", paused.id)
    assert visitor.post(path, **form).status == 303
    assert paused.agent.fetch(paused.id).texts.count("Encore") == 1


def test_a_long_conversation_is_not_read_to_count_the_words_of_a_pause(runtime):
    """All who send wait for it: the machine's steps are counted, in place of the time."""
    story = Story(runtime)
    story.ask()
    story.accept()
    story.say("agent")
    for _ in range(500):
        story.say("client")
    story.at(1)
    story.pause("client")
    story.at(2)
    for _ in range(3):
        story.say("client")
    since = story.read()["server_time"] - 1

    def steps_of_a_refusal(db):
        steps = []
        db.conn.set_progress_handler(lambda: steps.append(1), 10)
        count = messages.count_since(db, story.id, "client", since, 6)
        db.conn.set_progress_handler(None, 0)
        return count, len(steps)

    count, steps = runtime.database.read(steps_of_a_refusal)
    assert count == 3
    assert steps < 50
    story.close()
