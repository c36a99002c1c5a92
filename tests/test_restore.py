"""A restored backup: nobody misses a message, however they listen."""

import shutil
import subprocess
from time import sleep

import pytest

from chat.database.sqlite.connection import connect
from tests.streams import SSE, WS, refused
from tests.test_file import leave_to
from tests.threads import start as start_thread

LOST = 3


def back_up(server, backup):
    db = connect(server.path)
    db.conn.execute("VACUUM INTO ?", (str(backup),))
    db.close()


def restore(run, server, backup, how):
    """As an operator does: the backup in the file's place, and its logs removed."""
    if how == "stopped":
        assert server.stop() == 0
        run(server, "restore", backup)
    elif how == "killed":
        server.kill()
    else:
        server.path.unlink()
    if how != "stopped":
        for suffix in ("-wal", "-shm"):
            server.path.with_name(f"chat.db{suffix}").unlink(missing_ok=True)
    if how == "running":
        shutil.copyfile(backup, server.folder / "new.db")
        (server.folder / "new.db").rename(server.path)
    elif how == "killed":  # Into the same file.
        shutil.copyfile(backup, server.path)
    if how != "running":
        server.start()
    while server.client().get("/readyz").status != 200:
        sleep(0.05)


def send(talk, name, count):
    """Sent, with their ids."""
    answers = [talk.agent.send(talk.id, f"{name} {number}") for number in range(count)]
    assert [answer.status for answer in answers] == [201] * count
    return [f"{name} {number}" for number in range(count)], [answer.json["messageId"] for answer in answers]


def poll_on(ask, cursor):
    """The first answer that is no page; who could not be answered asks again."""
    while (answer := ask(cursor)).status in (200, 503):
        cursor = answer.json.get("cursor", cursor)
        sleep(0.05)
    return answer


@pytest.mark.parametrize(
    ("how", "worker_class", "workers"),
    [
        ("running", "gevent", 2),
        ("killed", "gthread", 1),
        ("stopped", "gevent", 1),
        pytest.param("running", "gthread", 2, marks=pytest.mark.soak),
        pytest.param("killed", "gevent", 2, marks=pytest.mark.soak),
    ],
)
def test_nobody_misses_a_message_after_a_restore(request, run, start, tmp_path, how, worker_class, workers):
    """Right after the backup; and the restored history grows past where the readers were."""
    server = start(worker_class=worker_class, workers=workers)
    talk = server.conversation()
    talk.settle()
    leave_to(server)
    here = talk.client.fetch(talk.id).json["cursor"]
    back_up(server, tmp_path / "backup.db")
    _, lost_ids = send(talk, "Perdu", LOST)
    talk.settle()
    page = talk.client.fetch(talk.id).json
    cursor, last_id = page["cursor"], page["messages"][-1]["id"]
    paths = [f"/api/chat/{kind}{rest}" for kind in ("stream", "ws") for rest in (f"/{talk.id}", "")]
    listeners = [(SSE if "stream" in path else WS)(talk.client, f"{path}?cursor={cursor}") for path in paths]
    for told in listeners:
        request.addfinalizer(told.cut)
        told.one("open")
    polls = [
        start_thread(poll_on, ask, cursor)[0]
        for ask in (
            lambda at: talk.client.fetch(talk.id, cursor=at, longPoll="true"),
            lambda at: talk.client.inbox(cursor=at, longPoll="true"),
            lambda at: talk.client.inbox(cursor=at, longPoll="true", peers=f"{talk.id}:online"),
        )
    ]
    plain = talk.client.poll(talk.id, lastMessageId=last_id)
    server.wait_until_held(len(listeners) + len(polls) + 1)
    restore(run, server, tmp_path / "backup.db", how)
    texts, ids = send(talk, "Après", 2 * LOST)
    assert min(ids) > max(lost_ids) == last_id

    # Who has nothing but the last id gets all that is new.
    assert talk.client.fetch(talk.id, lastMessageId=last_id).texts == texts
    # Who has a cursor of the lost history is told so, and where the two part.
    for ask in (lambda at: talk.client.fetch(talk.id, cursor=at), lambda at: talk.client.inbox(cursor=at)):
        answer = ask(cursor)
        assert (answer.status, answer.json["code"], answer.json["cursor"]) == (410, "cursor_reset", here)
        assert ask(here).status == 200
    assert talk.client.fetch(talk.id, cursor=here).texts == texts
    for path in paths:
        answer = (refused if "/ws" in path else type(talk.client).get)(talk.client, f"{path}?cursor={cursor}")
        assert (answer.status, answer.json["cursor"]) == (410, here)
        with (SSE if "stream" in path else WS)(talk.client, f"{path}?cursor={here}") as told:
            assert told.texts(len(texts)) == texts
    # A running server tells those who listen at that moment too.
    if how == "running":
        assert [poll.result().status for poll in polls] == [410] * 3
        assert set(plain.result().texts) <= set(texts)
        for told in listeners:
            assert told.one("end").data == {"reason": "cursor_reset", "cursor": here}


def test_a_file_alone_on_a_new_machine_goes_on_above_what_was_handed_out(start, tmp_path):
    """There nothing but the time since its last heartbeat tells how much that was."""
    server = start()
    talk = server.conversation()
    leave_to(server)
    cursor = talk.client.fetch(talk.id).json["cursor"]
    back_up(server, tmp_path / "backup.db")
    _, lost_ids = send(talk, "Perdu", LOST)
    ahead = talk.client.fetch(talk.id).json["cursor"]
    server.kill()
    subprocess.run(["rm", *server.folder.glob("chat.db*"), "-r"], check=True)
    shutil.copyfile(tmp_path / "backup.db", server.path)
    server.start()
    texts, ids = send(talk, "Après", 1)
    assert ids[0] > max(lost_ids)
    answer = talk.client.fetch(talk.id, cursor=ahead)
    assert (answer.status, answer.json["cursor"]) == (410, cursor)
    assert talk.client.fetch(talk.id, cursor=cursor).texts == texts
