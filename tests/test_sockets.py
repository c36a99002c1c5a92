"""WebSockets: the events of a stream, and sending, reading and typing on the same connection."""

import json
import os
import threading
from contextlib import contextmanager
from time import monotonic

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from chat import accounts
from chat.store import tokens
from tests.streams import HANDSHAKE, WS, raw, refused
from tests.test_streams import BIG, MANY

FLOOD = 600
LEAVES_SECONDS = 10


def socket(who, talk, query="", **headers):
    return WS(who, f"/api/chat/ws/{talk.id}{query}", **headers)


def stored(talk, last_id):
    found, has_more = [], True
    while has_more:
        page = talk.agent.fetch(talk.id, lastMessageId=found[-1]["id"] if found else last_id).json
        found, has_more = found + page["messages"], page["has_more"]
    return found


def test_it_tells_what_a_stream_tells(talk):
    talk.settle()
    with socket(talk.client, talk) as told:
        assert told.one("open").data["session"]["id"] == talk.id
        talk.agent.post("/api/chat/typing", {"chat_session_id": talk.id})
        assert told.one("typing", lambda data: data == {"peer": "typing"}).cursor is None
        message_id = talk.agent.send(talk.id, "Bonjour").json["messageId"]
        assert told.one("message").data["id"] == message_id
        assert told.one("session").data["last_message_id"] == message_id


def test_what_is_sent_is_acknowledged_with_its_key(server, talk):
    poll = talk.agent.poll(talk.id, lastMessageId=talk.last_id)
    with socket(talk.client, talk) as told:
        done = told.ask("send", message="Bonjour", client_message_id="k1")
        message_id = done.data["messageId"]
        assert done.data == {"do": "send", "messageId": message_id, "client_message_id": "k1"}
        assert poll.result().json["messages"][-1]["id"] == message_id
        again = told.ask("send", message="Bonjour", client_message_id="k1")
        assert again.data == {**done.data, "duplicate": True}
        other = told.ask("send", message="Bonsoir", client_message_id="k1")
        assert (other.name, other.data["code"]) == ("problem", "idempotency_mismatch")
        assert other.data["client_message_id"] == "k1"


def test_reading_and_typing(talk):
    last = talk.agent.send(talk.id, "Lu ?").json["messageId"]
    with socket(talk.client, talk) as mine, socket(talk.agent, talk) as theirs:
        theirs.one("open")
        assert mine.ask("read", message_id=last).data == {"do": "read", "message_id": last}
        theirs.one("session", lambda data: data["client_read_id"] == last)
        assert mine.ask("typing", typing=True).data == {"do": "typing"}
        theirs.one("typing", lambda data: data == {"peer": "typing"})


def test_junk_is_answered_and_the_connection_stays(talk):
    junk = ["", "{", "[]", "null", '{"do":"fly"}', '{"do":"send"}', '{"do":"send","message":1}', b"\xff\x00"]
    junk += ['{"do":"read","message_id":"1"}', "[" * 10_000]
    with socket(talk.client, talk) as told:
        for frame in junk:
            told.tell(frame)
            answer = told.answer()
            assert (answer.name, answer.data["code"]) == ("problem", "invalid_request"), frame
        assert told.ask("send", message=" ").data["code"] == "invalid_parameter"
        assert told.ask("send", message="Encore là").name == "done"


def test_a_frame_that_is_too_big_closes_it(talk):
    with socket(talk.client, talk) as told:
        told.one("open")
        told.tell("x" * 70_000)
        assert told.code()[0] == 1009


@contextmanager
def opened(talk, **headers):
    with socket(talk.client, talk, **headers) as told:
        told.one("open")
        yield told


def frame(opcode, payload=b"", is_last=True, is_masked=True):
    """As it is on the wire: for what no library sends."""
    mask = os.urandom(4) if is_masked else b""
    body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if mask else payload
    return bytes([is_last << 7 | opcode, is_masked << 7 | len(payload)]) + mask + body


def test_a_message_may_come_in_pieces(talk):
    raw_message = json.dumps({"do": "send", "message": "d\u00e9j\u00e0 vu"}, ensure_ascii=False).encode()
    half = raw_message.index(b"\xc3") + 1  # In the middle of a character.
    with opened(talk) as told:
        told.write(frame(1, raw_message[:half], is_last=False))
        told.write(frame(9, b"in between"))
        while not told.pongs:
            told.receive()
        for byte in frame(0, raw_message[half:]):
            told.write(bytes([byte]))
        assert told.one("message").data["message"] == "d\u00e9j\u00e0 vu"
        assert told.pongs == [b"in between"]


def test_many_small_pieces_are_too_big_together(talk):
    with opened(talk) as told:
        told.write(frame(1, b"x" * 120, is_last=False))
        for _ in range(70_000 // 120):
            told.write(frame(0, b"x" * 120, is_last=False))
        assert told.code()[0] == 1009


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (frame(1, b"\xff"), 1007),
        (frame(1, b"\xc3"), 1007),
        (frame(1, b"{}", is_masked=False), 1002),
        (frame(0, b"{}"), 1002),
        (frame(3), 1002),
        (frame(9, is_last=False), 1002),
        (bytes([0xC1, 0x80]) + bytes(4), 1002),
        (frame(8, b"\x03"), 1002),
        (frame(8, b"\x0f\xa1"), 4001),
        (frame(8), 1005),
    ],
    ids=[
        "bytes",
        "half",
        "unmasked",
        "no start",
        "opcode",
        "piece of ping",
        "rsv",
        "close",
        "closed",
        "bare",
    ],
)
def test_what_the_protocol_forbids_closes_it(talk, wrong, code):
    with opened(talk) as told:
        told.write(wrong)
        assert told.code()[0] == code


def test_no_extension_is_taken(talk):
    with opened(talk, Sec_WebSocket_Extensions="permessage-deflate") as told:
        assert told.ask("typing").name == "done"


def test_what_is_no_handshake_is_refused(talk):
    answer = talk.client.get(f"/api/chat/ws/{talk.id}", **HANDSHAKE | {"Sec_WebSocket_Key": ""})
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


def test_who_answers_no_ping_is_closed(start, worker_class):
    server = start(worker_class=worker_class, heartbeat_seconds=1)
    talk = server.conversation()
    with opened(talk) as told, opened(talk) as silent:
        silent.answers_pings = False
        while told.pings < 3:
            told.receive()
        while not silent.closed:
            silent.receive()
            assert silent.pings < 3
        assert silent.closed[0] == 1008
        assert told.ask("typing").name == "done"


def test_who_is_not_let_in_has_nothing_marked_as_arrived(start):
    talk = start(max_waiters=0).conversation()
    last = talk.agent.send(talk.id, "Encore non lu").json["messageId"]
    with socket(talk.client, talk) as told:
        assert told.code()[0] == 1013
    talk.agent.fetch(talk.id, lastMessageId=last)
    while (session := talk.agent.fetch(talk.id).json["session"])["agent_delivered_id"] < last:
        pass
    assert session["client_delivered_id"] < last


def test_it_leaves_no_trace(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    with opened(talk) as told, opened(talk):
        talk.agent.do("end", talk.id)
        assert told.code() == (1000, "ended")
    server.wait_until_held(0)
    assert server.stop() == 0
    assert "Error" not in server.log
    assert "Traceback" not in server.log


def test_who_may_not_is_refused_before_the_handshake(server, talk):
    path = f"/api/chat/ws/{talk.id}"
    assert refused(server.client(), path).status == 401
    assert refused(server.conversation().client, path).status == 404
    assert refused(talk.client, f"{path}?cursor={10**12}").status == 410
    assert refused(talk.client, f"{path}?cursor=x").status == 400
    foreign = refused(talk.client, path, Origin="https://evil.example")
    assert (foreign.status, foreign.json["code"]) == (403, "cross_site")
    assert 400 <= talk.client.get(path).status < 500


def test_the_cookie_and_our_own_origin_are_fine(talk):
    host, port = talk.client.address
    cookie = f"session={talk.client.token}"
    with socket(talk.client, talk, Cookie=cookie, Origin=f"http://{host}:{port}") as told:
        told.one("open")


def test_the_end_and_signing_out_close_it(server, talk):
    other = server.conversation()
    with socket(talk.client, talk) as told, socket(other.client, other) as leaving:
        told.one("open")
        leaving.one("open")
        talk.agent.do("end", talk.id)
        assert told.code() == (1000, "ended")
        other.client.post("/api/auth/logout")
        assert leaving.code() == (4401, "not_authenticated")


def test_a_frame_of_a_sign_in_that_has_ended_does_nothing(server, talk):
    with socket(talk.client, talk) as told:
        told.one("open")
        token_hash = accounts.hash_token(talk.client.token)
        server.database.write(lambda db: tokens.revoke(db, token_hash, 1, 0))
        told.do("send", message="Trop tard")
        assert all(event.name != "done" for event in told if event.name != "end")
    assert talk.agent.fetch(talk.id).texts[-1] != "Trop tard"


def test_the_inbox_names_its_sessions(talk):
    with WS(talk.client, "/api/chat/ws") as told:
        assert set(told.one("open").data) == {"peers", "server_time"}
        assert told.ask("send", message="Où ?").data["code"] == "not_found"
        assert told.ask("send", message="Là", chat_session_id=talk.id).name == "done"


def test_a_flood_is_carried_out_in_order(start, worker_class):
    server = start(worker_class=worker_class, workers=2)
    talk = server.conversation()
    last = talk.last_id
    with socket(talk.client, talk) as told:
        for number in range(FLOOD):
            told.do("send", message=str(number), client_message_id=str(number))
        acknowledged = [told.answer().data["messageId"] for _ in range(FLOOD)]
    assert [message["message"] for message in stored(talk, last)] == [str(number) for number in range(FLOOD)]
    assert [message["id"] for message in stored(talk, last)] == acknowledged


def test_a_stop_in_mid_flood_loses_nothing_that_was_acknowledged(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    last, acknowledged = talk.last_id, []
    with socket(talk.client, talk) as told:
        flooding = threading.Thread(target=flood, args=(told,))
        flooding.start()
        acknowledged += [told.answer().data["messageId"] for _ in range(50)]
        began = monotonic()
        server.process.terminate()
        acknowledged += [event.data["messageId"] for event in told if event.name == "done"]
        assert told.code()[0] == 1012
        assert server.process.wait(LEAVES_SECONDS) == 0
        assert monotonic() - began < LEAVES_SECONDS
        flooding.join()
    server.start()
    assert {message["id"] for message in stored(talk, last)} >= set(acknowledged)


def flood(told):
    try:
        for number in range(FLOOD):
            told.tell(json.dumps({"do": "send", "message": str(number)}))
    except Exception:  # It was closed meanwhile: that is the point.
        return


def test_beyond_the_cap_it_is_closed(start, worker_class):
    server = start(worker_class=worker_class, max_waiters=1)
    talk = server.conversation()
    with socket(talk.client, talk) as first:
        first.one("open")
        with socket(talk.agent, talk) as second:
            assert second.code() == (1013, "overloaded")
    server.wait_until_held(0)


def test_who_reads_nothing_is_dropped(start, worker_class):
    server = start(worker_class=worker_class, stall_seconds=1)
    talk = server.conversation()
    cursor = talk.client.fetch(talk.id).json["cursor"]
    headers = HANDSHAKE | {"Connection": "Upgrade"}
    with raw(talk.client, f"/api/chat/ws/{talk.id}?cursor={cursor}", **headers):
        server.wait_until_held(1)
        for number in range(MANY):
            assert talk.agent.send(talk.id, f"{number} {BIG}").status == 201
        began = monotonic()
        server.wait_until_held(0)
        assert monotonic() - began < LEAVES_SECONDS


def test_a_frame_right_behind_the_handshake_is_heard(talk):
    """A client may send it before the answer; the server reads both in one go."""
    frame = Connection(ConnectionType.CLIENT).send(TextMessage('{"do":"send","message":"Tout de suite"}'))
    with raw(
        talk.client, f"/api/chat/ws/{talk.id}", behind=frame, **HANDSHAKE | {"Connection": "Upgrade"}
    ) as connection:
        told = b""
        while b'"done"' not in told:
            told += connection.recv(4096)
    assert talk.agent.fetch(talk.id).texts[-1] == "Tout de suite"


def test_another_version_is_told_which_one_there_is(talk):
    wrong = HANDSHAKE | {"Sec_WebSocket_Version": "8"}
    answer = talk.client.get(f"/api/chat/ws/{talk.id}", **wrong)
    assert (answer.status, answer.json["code"]) == (426, "wrong_websocket_version")
    assert answer.headers["Sec-WebSocket-Version"] == "13"
