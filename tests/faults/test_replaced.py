"""The database is replaced by a backup while the server runs and people talk."""

import os
import sqlite3
import subprocess
import threading
from contextlib import closing
from time import monotonic

import pytest

from tests.faults import tally
from tests.faults.traffic import Patient
from tests.history import History, check
from tests.test_file import SQLITE3, leave_to, program
from tests.test_history import LAST, Place, stored_after
from tests.threads import together

BETWEEN = 20
FILES = ("chat.db", "chat.db-wal", "chat.db-shm")


def keys(path):
    """Of all messages that are in this file."""
    with closing(sqlite3.connect(path)) as db:
        return {key for (key,) in db.execute("SELECT client_message_id FROM messages")}


def write(history, who, chat_session_id, name, moved, done):
    """One after the other, each until it is acknowledged."""
    number = 0
    while not done.is_set():
        sent = history.send(f"{name}-{number}", f"{name} says {number}")
        answer = who.send(chat_session_id, sent.text, client_message_id=sent.key)
        assert answer.status in (200, 201), (answer.status, answer.body)
        sent.acknowledge(answer.json["messageId"])
        moved.release()
        number += 1


def read(threads, reader, who, chat_session_id, place, by):
    """Until the last message, from the place that the server names to who has read of what was lost."""
    resets = 0
    while not (reader.received and reader.received[-1].text == LAST):
        threads.check()
        position = {"cursor": place.cursor} if by == "cursor" else {"lastMessageId": place.last_id}
        answer = who.fetch(chat_session_id, **position, longPoll="true", wait=1)
        if answer.status == 410:
            assert (by, answer.json["code"]) == ("cursor", "cursor_reset")
            resets += 1
        else:
            assert answer.status == 200, (answer.status, answer.body)
            for message in answer.json["messages"]:
                reader.receive(by, message, None)
                place.last_id = message["id"]
        place.cursor = answer.json["cursor"]
    return resets


def replace(server, backup):
    """As the documentation says; returns when the old one was gone, and the new one there."""
    subprocess.run(["rm", "-f", *(server.folder / name for name in FILES)], check=True)
    gone = monotonic()
    subprocess.run(["cp", backup, server.folder / "new.db"], check=True)
    (server.folder / "new.db").rename(server.path)
    return gone


@pytest.mark.parametrize(
    ("kind", "workers", "rounds"),
    [
        ("gevent", 2, 1),
        *(
            pytest.param(kind, workers, 5, marks=pytest.mark.soak)
            for kind, workers in (("gevent", 1), ("gthread", 1), ("gthread", 2))
        ),
    ],
)
def test_a_database_that_is_replaced_while_people_talk(start, tmp_path, kind, workers, rounds):
    server, history = start(worker_class=kind, workers=workers), History()
    talk = server.conversation()
    place, moved, done = Place(talk), threading.Semaphore(0), threading.Event()
    leave_to(server)

    def go_on():
        while moved.acquire(blocking=False):
            pass  # of before
        for _ in range(BETWEEN):
            assert moved.acquire(timeout=60), server.log

    with together(server) as threads:
        people = {side: Patient(getattr(talk, side), history, threads) for side in ("client", "agent")}
        writing = [
            threads.submit(write, history, who, talk.id, side, moved, done) for side, who in people.items()
        ]
        reading = [
            threads.submit(
                read,
                threads,
                history.reader(f"{side} by {by}", place.last_id),
                who,
                talk.id,
                Place(talk, place),
                by,
            )
            for side, who in people.items()
            for by in ("cursor", "lastMessageId")
        ]
        lost = set()
        for number in range(rounds):
            go_on()
            backup, old = tmp_path / f"backup{number}.db", tmp_path / f"old{number}.db"
            program(*SQLITE3, server.path, f"VACUUM INTO '{backup}'")
            backed_up, newest = keys(backup), max(one.message_id or 0 for one in history.sent)
            go_on()
            while any(
                not each.received or each.received[-1].message_id <= newest for each in history.readers
            ):
                threads.check()
                threading.Event().wait(0.01)
            # What the server would still write into the old ones is seen in them.
            os.link(server.path, old)
            os.link(server.path.with_name("chat.db-wal"), old.with_name(f"{old.name}-wal"))
            gone = replace(server, backup)
            history.faults += 1
            go_on()
            late = {one.key for one in history.sent if one.began > gone and one.outcome == "acknowledged"}
            lost |= {one.key for one in history.sent if one.began <= gone} - backed_up
            assert late and not late & keys(old)
        done.set()
        for each in writing:
            each.result()
        last = history.send("last", LAST)
        answer = people["agent"].send(talk.id, LAST, client_message_id="last")
        last.acknowledge(answer.json["messageId"])
        assert any([each.result() for each in reading])
    stored = stored_after(talk, place.last_id)
    server.kill()
    there, ids = keys(server.path), {message["id"] for message in stored}
    assert {message["client_message_id"] for message in stored} <= there
    # Lost with the old file, if it was not sent again; who had it may have both.
    history.sent = [one for one in history.sent if one.key not in lost - there]
    for reader in history.readers:
        reader.received = [one for one in reader.received if one.key not in lost or one.message_id in ids]
    mistakes = check(history, stored)
    tally.count(history, mistakes)
    assert not mistakes, mistakes
