"""The two endpoints, for every worker class and with one worker and two."""

import re
from concurrent.futures import wait

import pytest

from chat import accounts
from chat.store import tokens
from tests.threads import together


def test_the_answer_is_the_contract_to_the_letter(talk):
    sent = talk.agent.send(talk.id, "Bonjour !")
    assert sent.status == 201
    assert sent.json == {"success": True, "messageId": sent.json["messageId"]}
    answer = talk.client.fetch(talk.id, lastMessageId=0, longPoll="true")
    assert answer.status == 200
    assert answer.json["longPolling"] is True
    message = answer.json["messages"][-1]
    assert message["message"] == "Bonjour !"
    assert message["id"] == sent.json["messageId"]
    assert message["chat_session_id"] == talk.id
    assert (message["sender_type"], message["is_read"]) == ("agent", 0)
    assert isinstance(message["sender_id"], int)
    assert isinstance(message["sender_name"], str)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", message["created_at"])
    session = answer.json["session"]
    assert session["status"] == "active"
    assert isinstance(session["duration_minutes"], int)
    assert re.search(rb'"total_cost":\d+\.\d\d[,}]', answer.body)
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Cookie")


def test_without_long_poll_it_answers_at_once(talk):
    answer = talk.client.fetch(talk.id, lastMessageId=talk.last_id)
    assert (answer.json["messages"], answer.json["longPolling"]) == ([], False)


@pytest.mark.parametrize("none_yet", ["", "null", "undefined", "NaN"])
def test_a_script_that_has_no_id_yet_begins_at_the_beginning(talk, none_yet):
    assert len(talk.client.fetch(talk.id, lastMessageId=none_yet, longPoll="true").texts) == 2


def test_a_poll_answers_at_once_when_behind(talk):
    assert len(talk.client.fetch(talk.id, lastMessageId=0, longPoll="true").texts) == 2


def test_both_sides_get_what_is_sent_while_they_wait(server, talk):
    last = talk.last_id
    polls = [someone.poll(talk.id, lastMessageId=last) for someone in (talk.client, talk.agent)]
    server.wait_until_held(2)
    talk.agent.send(talk.id, "Toujours là ?")
    assert [poll.result().texts for poll in polls] == [["Toujours là ?"]] * 2


def test_a_poll_that_times_out_has_no_messages_and_the_session(talk):
    answer = talk.client.fetch(talk.id, lastMessageId=talk.last_id, longPoll="true", wait="0.2")
    assert (answer.status, answer.json["messages"]) == (200, [])
    assert answer.json["longPolling"] is True
    assert answer.json["session"]["status"] == "active"


def test_a_wait_asks_for_a_long_poll_by_itself(talk):
    assert talk.client.fetch(talk.id, lastMessageId=talk.last_id, wait="0.1").json["longPolling"]


def test_every_message_comes_once_and_in_order(talk):
    texts = [f"message {number}" for number in range(30)]
    last, received = talk.last_id, []
    first = talk.client.poll(talk.id, lastMessageId=last)
    for text in texts:
        assert talk.agent.send(talk.id, text).status == 201
    while len(received) < len(texts):
        answer = first.result()
        received += answer.texts
        last = answer.json["messages"][-1]["id"]
        first = talk.client.poll(talk.id, lastMessageId=last, wait="0.2")
    assert received == texts
    assert first.result().texts == []


def test_a_cursor_resumes_where_the_answer_ended(talk):
    cursor = talk.client.fetch(talk.id).json["cursor"]
    poll = talk.client.poll(talk.id, cursor=cursor)
    talk.agent.send(talk.id, "un")
    answer = poll.result()
    assert answer.texts == ["un"]
    talk.agent.send(talk.id, "deux")
    assert talk.client.fetch(talk.id, cursor=answer.json["cursor"]).texts == ["deux"]


def test_a_limit_cuts_the_page_and_nothing_is_skipped(talk):
    start = talk.client.fetch(talk.id).json
    for number in range(7):
        talk.agent.send(talk.id, str(number))
    for position in ({"lastMessageId": start["messages"][-1]["id"]}, {"cursor": start["cursor"]}):
        received, more = [], True
        while more:
            answer = talk.client.fetch(talk.id, limit=3, **position)
            received += answer.texts
            more = answer.json["has_more"]
            position = {"cursor": answer.json["cursor"]}
        assert received == [str(number) for number in range(7)]
        assert len(answer.json["messages"]) == 1


def test_history_is_read_backwards(talk):
    for number in range(5):
        talk.agent.send(talk.id, str(number))
    last = talk.last_id
    page = talk.client.fetch(talk.id, beforeMessageId=last, limit=3, longPoll="true").json
    assert [message["message"] for message in page["messages"]] == ["1", "2", "3"]
    assert (page["has_more"], page["longPolling"]) == (True, False)
    page = talk.client.fetch(talk.id, beforeMessageId=page["messages"][0]["id"], limit=3)
    assert page.texts[-1] == "0"
    assert page.json["has_more"] is False


def test_a_cursor_ahead_of_the_database_is_told_to_start_again(talk):
    answer = talk.client.fetch(talk.id, cursor=10**12)
    assert (answer.status, answer.json["code"]) == (410, "cursor_reset")
    assert talk.client.fetch(talk.id, cursor=answer.json["cursor"]).status == 200


def test_a_retry_with_the_same_key_is_the_same_message(talk):
    first = talk.client.send(talk.id, "Une seule fois", client_message_id="k1")
    again = talk.client.send(talk.id, "Une seule fois", client_message_id="k1")
    assert (first.status, again.status) == (201, 200)
    assert again.json == {**first.json, "duplicate": True}
    by_header = talk.client.post(
        "/api/chat/message",
        {"chat_session_id": talk.id, "message": "Une seule fois"},
        Idempotency_Key="k1",
    )
    assert by_header.json == again.json
    assert talk.client.fetch(talk.id).texts.count("Une seule fois") == 1


def test_a_key_belongs_to_its_sender_and_its_message(talk):
    assert talk.client.send(talk.id, "a", client_message_id="k").status == 201
    assert talk.agent.send(talk.id, "b", client_message_id="k").status == 201
    other = talk.client.send(talk.id, "b", client_message_id="k")
    assert (other.status, other.json["code"]) == (409, "idempotency_mismatch")


def test_a_key_belongs_to_its_session(server, client):
    for _ in range(2):
        session = client.ask(agent_id=server.person("agent").id)
        assert client.send(session["id"], "Bonjour", client_message_id="k").status == 201


def test_many_retries_at_once_store_one_message(talk):
    def send(_):
        return talk.client.send(talk.id, "Encore", client_message_id="same")

    with together() as threads:
        answers = threads.map(send, range(12))
    assert sorted(answer.status for answer in answers) == [200] * 11 + [201]
    assert len({answer.json["messageId"] for answer in answers}) == 1
    assert talk.agent.fetch(talk.id).texts.count("Encore") == 1


def test_the_end_answers_those_who_wait(server, talk):
    last, cursor = talk.settle(), talk.client.fetch(talk.id).json["cursor"]
    polls = [
        talk.client.poll(talk.id, lastMessageId=last),
        talk.agent.poll(talk.id, lastMessageId=last),
        talk.client.poll(talk.id, cursor=cursor),
    ]
    server.wait_until_held(3)
    end = talk.agent.post(f"/api/chat/sessions/{talk.id}/end")
    assert end.json["session"]["end_reason"] == "ended_by_agent"
    assert [poll.result().json["session"]["status"] for poll in polls] == ["ended"] * 3


def test_after_the_end_a_retry_succeeds_and_a_new_message_does_not(talk):
    first = talk.client.send(talk.id, "Merci", client_message_id="thanks")
    ends = [who.post(f"/api/chat/sessions/{talk.id}/end").json for who in (talk.client, talk.agent)]
    assert ends[0]["session"] == ends[1]["session"]
    again = talk.client.send(talk.id, "Merci", client_message_id="thanks")
    assert (again.status, again.json["messageId"]) == (200, first.json["messageId"])
    refused = talk.client.send(talk.id, "Encore une chose")
    assert (refused.status, refused.json["code"]) == (409, "session_ended")


def test_an_ended_session_is_no_hot_loop(server, talk):
    cursor = talk.client.fetch(talk.id).json["cursor"]
    talk.client.post(f"/api/chat/sessions/{talk.id}/end")
    at_once = talk.client.fetch(talk.id, cursor=cursor, longPoll="true").json
    assert at_once["session"]["status"] == "ended"
    held = [
        talk.client.poll(talk.id, lastMessageId=talk.last_id),
        talk.client.poll(talk.id, cursor=at_once["cursor"]),
    ]
    server.wait_until_held(2)
    assert not wait(held, timeout=0.5).done
    talk.client.post("/api/auth/logout")
    assert {poll.result().status for poll in held} == {401}


@pytest.mark.parametrize("role", ["client", "agent"])
def test_outsiders_learn_nothing(server, talk, role):
    outsider = getattr(server.conversation(), role)
    for ask in (
        lambda session: outsider.fetch(session),
        lambda session: outsider.fetch(session, longPoll="true"),
        lambda session: outsider.send(session, "Coucou"),
        lambda session: outsider.post(f"/api/chat/sessions/{session}/end"),
    ):
        foreign, unknown = ask(talk.id), ask(2**62)
        assert (foreign.status, foreign.body) == (404, unknown.body)
        headers = [dict(answer.headers) | {"Date": "", "X-Request-Id": ""} for answer in (foreign, unknown)]
        assert headers[0] == headers[1]


def test_nobody_gets_in_without_a_valid_token(server, talk):
    for token in (None, "nonsense", "é"):
        stranger = server.client(token)
        for answer in (stranger.fetch(talk.id), stranger.send(talk.id, "x")):
            assert (answer.status, answer.json["code"]) == (401, "not_authenticated")
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_cookie_signs_in_too(server, talk):
    answer = server.client().get(
        f"/api/chat/messages/{talk.id}", Cookie=f"session={talk.client.token}; theme=dark"
    )
    assert answer.status == 200


def test_signing_in_gives_a_token_and_a_cookie(server, talk):
    stranger = server.client()
    answer = stranger.post(
        "/api/auth/login", {"email": talk.emails["client"].upper(), "password": "correct horse"}
    )
    token = answer.json["token"]
    assert answer.json["user"]["role"] == "client"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"session={token};")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert server.client(token).fetch(talk.id).status == 200


def test_the_cookie_is_for_https_only_where_there_is_https(server, talk):
    for scheme, is_secure in (("https", True), ("http", False)):
        answer = server.client().post(
            "/api/auth/login",
            {"email": talk.emails["client"], "password": "correct horse"},
            X_Forwarded_Proto=scheme,
        )
        assert ("Secure" in answer.headers["Set-Cookie"]) is is_secure


def test_a_wrong_password_and_an_unknown_account_look_alike(server, talk):
    stranger = server.client()
    answers = [
        stranger.post("/api/auth/login", {"email": email, "password": "wrong horse"})
        for email in (talk.emails["client"], "nobody@demo.example")
    ]
    assert answers[0].status == 401
    assert answers[0].body == answers[1].body


def test_nothing_is_delivered_to_a_token_that_was_revoked_meanwhile(server, talk):
    poll = talk.client.poll(talk.id, lastMessageId=talk.last_id)
    server.wait_until(lambda workers: sum(each["held_polls"] for each in workers.values()) >= 1)
    token_hash = accounts.hash_token(talk.client.token)
    server.database.write(lambda db: tokens.revoke(db, token_hash, 1, 0))
    talk.agent.send(talk.id, "Confidentiel")
    assert poll.result().status == 401


def test_signing_out_lets_the_held_polls_go(server, talk):
    last = talk.last_id
    mine, theirs = (who.poll(talk.id, lastMessageId=last) for who in (talk.client, talk.agent))
    server.wait_until_held(2)
    answer = talk.client.post("/api/auth/logout")
    assert answer.status == 200
    assert answer.headers["Set-Cookie"].startswith("session=;")
    assert mine.result().status == 401
    talk.agent.send(talk.id, "Vous êtes là ?")
    assert theirs.result().texts == ["Vous êtes là ?"]
    assert talk.client.fetch(talk.id).status == 401


def test_text_arrives_as_it_was_typed(talk):
    texts = ["<b>&amp;</b>\n\u2028 'quotes\" \\", "👩🏽‍⚕️ déjà ﷺ", '{"total_cost":1.5}', "x" * 4000]
    last = talk.last_id
    for text in texts:
        assert talk.client.send(talk.id, f"  {text}\n").status == 201
    assert talk.agent.fetch(talk.id, lastMessageId=last).texts == texts
