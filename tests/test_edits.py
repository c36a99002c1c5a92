"""A writer edits and deletes their own last messages, and every reader sees it at once, and once."""

import pytest

from chat import edits, messages, store
from tests.streams import SSE, WS
from tests.threads import together

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
