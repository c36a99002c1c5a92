"""Files of two hosts that share a database on PostgreSQL, each with a folder of its own."""

import os
import signal
from io import BytesIO

import pytest

from chat import attachments
from chat.runtime import Runtime
from chat.settings import Settings
from tests.server import Server, await_that
from tests.test_attachments import send, sent
from tests.test_edits import delete
from tests.test_pictures import photograph

# Some pieces, and a part of one.
LARGE = b"%PDF-1.7 " + bytes(range(256)) * 3000


def folder_of(host):
    """What is in its folder, but not on its way."""
    return [path for path in (host.folder / "chat.files").glob("??/??/*") if path.is_file()]


def rows(host):
    return host.database.read(lambda db: db.conn.execute("SELECT count(*) FROM contents").fetchone()[0])


@pytest.fixture
def hosts(tmp_path, postgres):
    """Two, of either class."""
    url = postgres.new()
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    with (
        Server(tmp_path / "here", url, worker_class="gevent") as here,
        Server(tmp_path / "there", url, worker_class="gthread") as there,
    ):
        yield here, there


def test_what_is_sent_at_one_host_is_had_at_the_other_and_gone_from_both(hosts):
    here, there = hosts
    talk = here.conversation()
    client, agent = talk.client, there.client(talk.agent.token)
    first = send(client, talk.id, LARGE, key="one")
    assert first.status == 201, first.json
    assert send(client, talk.id, photograph(800, 600), "stairs.jpg", key="two").status == 201
    large, picture = sent(talk)
    before = rows(here)
    assert before > 4 and folder_of(there) == []
    for _ in range(2):
        assert agent.get(large["url"]).body == LARGE
    assert agent.get(picture["url"]).body == client.get(picture["url"]).body
    assert agent.get(picture["thumbnail_url"]).body == client.get(picture["thumbnail_url"]).body
    assert len(folder_of(there)) == len(folder_of(here)) == 3

    again = send(there.client(client.token), talk.id, LARGE, key="one")
    assert (again.status, again.json["messageId"]) == (200, first.json["messageId"])

    assert delete(client, talk, first.json["messageId"]).status == 200
    assert {host.get(large["url"]).status for host in (client, agent)} == {404}
    await_that(lambda: len(folder_of(here)) == len(folder_of(there)) == 2)
    assert rows(here) == before - 3
    assert agent.get(picture["url"]).status == 200


def test_a_host_that_dies_before_the_message_leaves_nothing(tmp_path, postgres):
    url = postgres.new()
    runtime = Runtime(Settings(database_url=url, attachments_folder=str(tmp_path)))
    runtime.prepare()
    name = runtime.blobs.keep(BytesIO(LARGE))
    pid = os.fork()
    if not pid:
        dying = Runtime(Settings(database_url=url, attachments_folder=str(tmp_path)))
        dying.blobs.share([name])
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL

    def count(db):
        return db.conn.execute("SELECT count(*) FROM contents").fetchone()[0]

    attachments.sweep(runtime, lambda: False)
    assert runtime.database.read(count) == 3
    runtime.database.write(lambda db: db.conn.execute("UPDATE contents SET kept_at = 0"))
    attachments.sweep(runtime, lambda: False)
    assert runtime.database.read(count) == 0
    runtime.blobs.follow()
    assert not runtime.blobs.path(name).exists()
    runtime.close()


def test_a_folder_of_before_is_brought_to_the_database(hosts):
    here, there = hosts
    talk = here.conversation()
    assert send(talk.client, talk.id, LARGE).status == 201
    (path,) = kept_of = folder_of(here)
    os.utime(path, (0, 0))
    here.database.write(lambda db: db.conn.execute("DELETE FROM contents"))
    assert kept_of and there.client(talk.agent.token).get(sent(talk)[0]["url"]).status == 404
    here.kill()
    here.start()
    await_that(lambda: rows(here) == 3)
    assert there.client(talk.agent.token).get(sent(talk)[0]["url"]).body == LARGE
