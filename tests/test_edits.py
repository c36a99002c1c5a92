"""A writer edits and deletes their own last messages, and every reader sees it at once, and once."""

import pytest

from tests.streams import SSE, WS

MINUTES = 15


def edit(who, talk, message_id, text):
    return who.post(f"/api/chat/messages/{talk.id}/{message_id}", {"message": text})


def delete(who, talk, message_id):
    return who.post(f"/api/chat/messages/{talk.id}/{message_id}/delete")


def refused(answer):
    return answer.status, answer.json["code"]


@pytest.fixture
def sent(talk):
    """The id of a message of the client's, which both have."""
    message_id = talk.client.send(talk.id, "Kanarie", client_message_id="k1").json["messageId"]
    talk.agent.send(talk.id, "Bonjour")
    talk.settle()
    return message_id


def test_all_who_wait_hear_of_an_edit_at_once_whatever_they_wait_on(server, talk, sent):
    last, cursor = talk.last_id, talk.agent.fetch(talk.id).json["cursor"]
    stream = SSE(talk.agent, f"/api/chat/stream/{talk.id}")
    inbox = SSE(talk.client, "/api/chat/stream")
    socket = WS(talk.agent, f"/api/chat/ws/{talk.id}")
    with stream, inbox, socket:
        for each in (stream, inbox, socket):
            each.one("open")
        plain = talk.agent.poll(talk.id, lastMessageId=last)
        with_cursor = talk.agent.poll(talk.id, cursor=cursor)
        card = talk.agent.await_inbox(talk.agent.inbox().json["cursor"], peers=f"{talk.id}:online")
        server.wait_until_held(6)
        answer = edit(talk.client, talk, sent, "Kanari").json
        changed = answer["message"]
        assert (answer["success"], changed["message"], changed["is_deleted"]) == (True, "Kanari", 0)
        assert changed["edited_at"] >= changed["created_at"]
        # Who knows only of new messages gets none twice, and is told beside them.
        assert plain.result().json["messages"] == []
        assert plain.result().json["edited"] == [changed]
        assert with_cursor.result().json["messages"] == [changed]
        assert "edited" not in with_cursor.result().json
        (found,) = [each for each in card.result().json["sessions"] if each["id"] == talk.id]
        assert found["messages"] == [changed]
        for each in (stream, inbox, socket):
            told = each.one("message")
            assert told.data == changed
            assert each.one("session").cursor == changed["revision"]
    assert talk.agent.fetch(talk.id, lastMessageId=last).json["edited"] == [changed]
    assert talk.agent.fetch(talk.id, cursor=changed["revision"]).json["messages"] == []
    assert [each["id"] for each in talk.agent.fetch(talk.id).json["messages"]].count(sent) == 1


def test_a_plain_client_that_heard_of_an_edit_waits_again(server, talk, sent):
    edit(talk.client, talk, sent, "Kanari")
    again = talk.agent.poll(talk.id, lastMessageId=talk.last_id)
    server.wait_until_held(1)
    new = talk.client.send(talk.id, "Encore").json["messageId"]
    assert [each["id"] for each in again.result().json["messages"]] == [new]


@pytest.fixture
def house(site):
    """A conversation where it does not matter who serves it."""
    return site.conversation()


def test_only_its_writer_changes_a_message_and_only_for_some_minutes(site, house):
    first = house.client.send(house.id, "Kanarie").json["messageId"]
    assert refused(edit(house.agent, house, first, "x")) == (403, "forbidden")
    assert refused(delete(house.agent, house, first)) == (403, "forbidden")
    for outsider in (site.person("client"), site.person("agent"), site.person("admin")):
        assert refused(edit(outsider, house, first, "x")) == (404, "not_found")
    elsewhere = site.conversation()
    assert refused(edit(elsewhere.client, elsewhere, first, "x")) == (404, "not_found")
    assert refused(edit(house.client, house, 10**9, "x")) == (404, "not_found")
    for nothing in ("", " \u200b ", "x" * 4001):
        assert refused(edit(house.client, house, first, nothing)) == (400, "invalid_parameter")
    for _ in range(4):
        site.advance(200)
        house.agent.send(house.id, "Still here")
    site.advance(60 * MINUTES - 805)
    assert edit(house.client, house, first, "Kanari").json["message"]["message"] == "Kanari"
    site.advance(5)
    assert refused(edit(house.client, house, first, "Kanarien")) == (409, "too_late")
    # The same once more is no change, and the answer to it may have been lost.
    assert edit(house.client, house, first, "Kanari").status == 200
    assert refused(delete(house.client, house, first)) == (409, "too_late")


def test_what_is_deleted_is_empty_stays_in_its_place_and_stays_so(house):
    keyed = house.client.send(house.id, "Kanarie", client_message_id="k1").json["messageId"]
    gone = delete(house.client, house, keyed).json["message"]
    assert (gone["message"], gone["is_deleted"]) == ("", 1)
    assert delete(house.client, house, keyed).json["message"] == gone
    assert refused(edit(house.client, house, keyed, "Kanarie")) == (409, "too_late")
    # A retry of the first send is answered as before, and writes nothing.
    retry = house.client.send(house.id, "Kanarie", client_message_id="k1")
    assert (retry.status, retry.json) == (200, {"success": True, "messageId": keyed, "duplicate": True})
    assert house.client.fetch(house.id).json["messages"][-1] == gone
    card = next(each for each in house.agent.inbox().json["sessions"] if each["id"] == house.id)
    assert card["last_message"]["message"] == ""
    text = house.client.get(f"/sessions/{house.id}/transcript.txt", Cookie=f"session={house.client.token}")
    assert "Kanarie" not in text.body.decode() and "was deleted by its writer" in text.body.decode()


def test_an_edit_stands_in_the_transcript_with_when_it_was_made(house):
    first = house.client.send(house.id, "Kanarie", client_message_id="k1").json["messageId"]
    told = edit(house.client, house, first, "Kanari").json["message"]
    assert house.client.send(house.id, "Kanarie", client_message_id="k1").json["messageId"] == first
    text = house.client.get(
        f"/sessions/{house.id}/transcript.txt", Cookie=f"session={house.client.token}"
    ).body.decode()
    assert "    Kanari\n" in text and "Kanarie" not in text and "(edited " in text
    transcript = house.client.get(
        f"/sessions/{house.id}/transcript.json", Cookie=f"session={house.client.token}"
    ).json
    assert transcript["messages"][-1] == told


def test_what_was_reported_stays_as_it_is_and_nobody_is_told_why(house):
    before = house.client.send(house.id, "Kanarie").json["messageId"]
    reported = house.agent.post(
        f"/api/chat/sessions/{house.id}/reports", {"reason": "abuse", "remark": "See above"}
    )
    assert reported.status == 201, reported.json
    answer = delete(house.client, house, before)
    assert refused(answer) == (409, "too_late")
    assert "report" not in answer.body.decode()
    assert refused(edit(house.client, house, before, "x")) == (409, "too_late")


def test_a_pause_takes_no_edits_and_the_end_no_change_at_all(house):
    first = house.agent.send(house.id, "Kanarie").json["messageId"]
    second = house.agent.send(house.id, "Kanari").json["messageId"]
    house.client.do("pause", house.id)
    paused = edit(house.agent, house, first, "x")
    assert refused(paused) == (409, "session_paused")
    assert (paused.json["pause_reason"], paused.json["may_resume"]) == ("paused_by_client", False)
    assert delete(house.agent, house, first).status == 200
    house.client.do("end", house.id)
    assert refused(delete(house.agent, house, second)) == (409, "session_ended")


def test_an_edit_changes_nothing_of_the_clock(site, house):
    first = house.agent.send(house.id, "Kanarie").json["messageId"]
    before = house.client.show(house.id)
    site.advance(61)
    assert delete(house.agent, house, first).status == 200
    after = house.client.show(house.id)
    assert before["clock_started_at"] == after["clock_started_at"] is not None
    assert (after["is_clock_running"], after["billed_minutes"]) == (True, 2)
    assert after["last_message_id"] == first


def test_pages_that_are_cut_lack_no_message_whatever_was_edited(house):
    ids = [house.client.send(house.id, str(number)).json["messageId"] for number in range(6)]
    for number in (4, 1, 2):
        edit(house.client, house, ids[number], f"{number}!")
    wanted = ["0", "1!", "2!", "3", "4!", "5"]
    for start in ({"lastMessageId": ids[0] - 1}, {"cursor": 0}):
        found, page = {}, house.agent.fetch(house.id, limit=2, **start).json
        while page["messages"]:
            found |= {each["id"]: each["message"] for each in page["messages"]}
            page = house.agent.fetch(house.id, limit=2, cursor=page["cursor"]).json
        assert [found[each] for each in ids] == wanted


def test_over_a_socket_messages_are_edited_and_deleted(house):
    first = house.client.send(house.id, "Kanarie").json["messageId"]
    with WS(house.client, f"/api/chat/ws/{house.id}") as socket:
        socket.one("open")
        assert socket.ask("edit", message_id=first, message="Kanari").data == {
            "do": "edit",
            "message_id": first,
        }
        assert socket.ask("delete", message_id=first).data == {"do": "delete", "message_id": first}
        problem = socket.ask("edit", message_id=first, message="Kanarie")
        assert (problem.name, problem.data["code"], problem.data["message_id"]) == (
            "problem",
            "too_late",
            first,
        )
