"""A database that is full, away, replaced, held by others, or cut off from its power."""

import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.client import Client
from tests.faults.traffic import traffic
from tests.server import mostly

BETWEEN = 10
MEGABYTE = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "small", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder):
    """Take all the room that is left."""
    with open(folder / "filler", "ab", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.soak)])
def test_a_disk_that_is_full_and_then_has_room(start, small_disk, worker_class, rounds):
    server = start(folder=small_disk, worker_class=worker_class)
    with traffic(server) as going:
        for number in range(rounds):
            going.go_on(BETWEEN)
            fill(small_disk)
            going.fault()
            going.until_refused()
            size = f"remount,size={8 * (number + 1)}m"
            subprocess.run(["mount", "-o", size, small_disk], check=True)
            going.go_on(BETWEEN)


class FailingDisk:
    """A file system that is read-only from an error on until it is mounted again."""

    def __init__(self, folder, image):
        self.folder, self._image = folder, image

    def mount(self):
        words = ["mount", "-o", "loop,errors=remount-ro", self._image, self.folder]
        mounted = subprocess.run(words, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")

    def fail(self):
        """What the kernel does about it is done when this returns."""
        words = ["findmnt", "-no", "SOURCE", self.folder]
        device = Path(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip())
        Path(f"/sys/fs/ext4/{device.name}/trigger_fs_error").write_text("a test")

    def mount_again(self):
        while subprocess.run(["umount", self.folder], capture_output=True).returncode:
            threading.Event().wait(0.05)
        self.mount()


@pytest.fixture
def failing_disk(tmp_path):
    if not shutil.which("mkfs.ext4"):
        pytest.skip("e2fsprogs is not installed")
    folder, image = tmp_path / "failing", tmp_path / "image"
    folder.mkdir()
    with open(image, "wb") as file:
        file.truncate(32 * MEGABYTE)
    # With a journal the kernel would let nobody write until a check.
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
    disk = FailingDisk(folder, image)
    disk.mount()
    yield disk
    subprocess.run(["umount", "--lazy", folder], check=True)


@mostly("gevent")
def test_a_disk_that_fails_and_is_mounted_again(start, tmp_path, failing_disk, worker_class):
    """What is stored can be read meanwhile."""
    folder = failing_disk.folder / "data"
    server = start(folder=folder, worker_class=worker_class)
    server.folder = tmp_path  # Its log is written elsewhere from now on.
    with traffic(server) as going:
        server.runtime.close()
        who = Client(server.address, going.talk.client.token)
        going.go_on(BETWEEN)
        failing_disk.fail()
        going.fault()
        going.until_refused()
        refused = who.send(going.talk.id, "Non")
        assert (refused.status, refused.headers["Retry-After"] is not None) == (503, True)
        assert who.fetch(going.talk.id).status == who.get("/healthz").status == 200
        server.kill()
        failing_disk.mount_again()
        server.start()
        going.go_on(BETWEEN)


def remount(folder, options):
    """As soon as nobody has a file of it open to write."""
    while subprocess.run(["mount", "-o", f"remount,{options}", folder], capture_output=True).returncode:
        threading.Event().wait(0.05)


@pytest.mark.parametrize(
    ("worker_class", "has_heads", "rounds"),
    [
        ("gevent", True, 1),
        ("gthread", False, 1),
        pytest.param("gevent", False, 5, marks=pytest.mark.soak),
        pytest.param("gthread", True, 5, marks=pytest.mark.soak),
    ],
)
def test_a_disk_that_may_only_be_read_for_a_while(
    start, tmp_path, small_disk, worker_class, has_heads, rounds
):
    """The server comes back on it, as after a disk's error, and waits."""
    server = start(folder=small_disk, worker_class=worker_class)
    server.folder = tmp_path  # Its log is written elsewhere from now on.
    with traffic(server) as going:
        server.runtime.close()
        who = Client(server.address, going.talk.client.token)
        for _ in range(rounds):
            going.go_on(BETWEEN)
            server.kill()
            if not has_heads:
                server.path.with_name("chat.db-heads").unlink()
            remount(small_disk, "ro,size=64m")
            server.start()
            going.fault()
            going.until_refused()
            assert server.client().get("/healthz").status == 200
            for answer in (who.send(going.talk.id, "Non"), who.fetch(going.talk.id), who.get("/readyz")):
                assert (answer.status, answer.headers["Retry-After"] is not None) == (503, True)
            remount(small_disk, "rw")
            going.go_on(BETWEEN)


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_a_database_that_is_away_for_a_while(start, worker_class, rounds):
    server = start(worker_class=worker_class)
    with traffic(server) as going:
        for _ in range(rounds):
            going.go_on(BETWEEN)
            away = server.path.rename(server.path.with_name("away.db"))
            going.fault()
            going.until_refused()
            away.rename(server.path)
            going.go_on(BETWEEN)


BESIDE = """
import sqlite3, sys
path, what, backup = sys.argv[1:]
while True:
    db = sqlite3.connect(path, timeout=60)
    if what == "read":
        db.execute("SELECT count(*) FROM messages").fetchall()
    elif what == "write":
        with db:
            db.execute("CREATE TABLE IF NOT EXISTS beside (x)")
            db.execute("INSERT INTO beside VALUES (1)")
    else:
        with sqlite3.connect(backup) as copy:
            db.backup(copy)
        copy.close()
    db.close()
    print(flush=True)
"""


@pytest.mark.soak
@pytest.mark.parametrize("what", ["read", "write", "back up"])
def test_another_program_that_opens_the_file(start, tmp_path, worker_class, what):
    server = start(worker_class=worker_class)
    words = [sys.executable, "-c", BESIDE, server.path, what, tmp_path / "backup.db"]
    with traffic(server) as going, subprocess.Popen(words, stdout=subprocess.PIPE) as beside:
        try:
            for _ in range(20):
                beside.stdout.readline()
                going.fault()
                going.go_on(BETWEEN)
        finally:
            beside.kill()
    # What was acknowledged is in the file, not only in the memory of the server.
    talk, last = going.talk, going.place.last_id
    server.kill()
    with closing(sqlite3.connect(server.path)) as db:
        query = "SELECT client_message_id FROM messages WHERE chat_session_id = ? AND id > ?"
        stored = {key for (key,) in db.execute(query, (talk.id, last))}
    assert {one.key for one in going.history.sent} <= stored


HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("BEGIN")
db.execute("SELECT count(*) FROM messages").fetchall()
print(flush=True)
sys.stdin.read(1)
db.execute("COMMIT")
print(flush=True)
sys.stdin.read()
"""


def test_a_reader_that_takes_long_keeps_nobody_from_sending_and_the_log_is_bounded_after_it(start):
    server = start()
    talk, wal = server.conversation(), server.path.with_name("chat.db-wal")

    def send(count):
        statuses = {talk.client.send(talk.id, str(number) * 1000).status for number in range(count)}
        assert statuses == {201}

    words = [sys.executable, "-c", HOLDER, server.path]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline()
            while wal.stat().st_size < 8 * MEGABYTE:
                send(20)
            holder.stdin.write(b"x")
            holder.stdin.flush()
            assert holder.stdout.readline()
            # A write that finds nobody in the way begins the log anew: it grows no more.
            send(20)
            grown = wal.stat().st_size
            send(60)
            assert wal.stat().st_size == grown
        finally:
            holder.kill()


def strace(pid, output):
    """What this process and its threads write, sync and send, in order."""
    calls = "fsync,fdatasync,pwrite64,write,sendto,sendmsg,openat,close"
    words = ["strace", "-f", "-y", "-s", "80", "-e", f"trace={calls}", "-o", output, "-p", str(pid)]
    tracer = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    line = tracer.stderr.readline()
    if "attached" not in line:
        tracer.kill()
        tracer.communicate()
        pytest.skip(f"a process cannot be traced here: {line.strip()}")
    return tracer


@pytest.mark.parametrize("sends", [30, pytest.param(500, marks=pytest.mark.soak)])
def test_what_is_acknowledged_was_synced(start, tmp_path, worker_class, sends):
    """A power cut after the answer takes nothing back."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    server, output = start(worker_class=worker_class), tmp_path / "trace"
    talk = server.conversation()
    server.wait_until(lambda workers: workers)
    (worker,) = server.workers()
    with strace(worker, output) as tracer:
        for number in range(sends):
            assert talk.client.send(talk.id, f"Durable {number}").status == 201
        tracer.terminate()
    assert synced(output.read_text()) == [True] * sends


def synced(trace):
    """For each answered send, whether the log was written and then synced since the one before it.

    Not whether nothing is unsynced: the sweep may have begun to write meanwhile.
    """
    answers, is_written, is_synced, syncing = [], False, False, set()
    for line in trace.splitlines():
        thread = line.split()[0]
        if "pwrite64(" in line and "chat.db-wal" in line:
            is_written = True
        elif re.search(r"(fdatasync|fsync)\(", line) and "chat.db-wal" in line:
            if "unfinished" not in line:
                is_synced = is_synced or is_written
            elif is_written:
                syncing.add(thread)
        elif "resumed" in line and "sync" in line and thread in syncing:
            syncing.discard(thread)
            is_synced = True
        elif "HTTP/1.1 201" in line:
            answers.append(is_synced)
            is_written, is_synced, syncing = False, False, set()
    return answers


WRITTEN = "1 pwrite64(3</chat.db-wal>"
SYNCED = "1 fdatasync(3</chat.db-wal>) = 0"
BEGUN = "1 fdatasync(3</chat.db-wal> <unfinished ...>"
DONE = "1 <... fdatasync resumed>) = 0"
ANSWERED = '2 sendto(4, "HTTP/1.1 201'


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([WRITTEN, SYNCED, ANSWERED], [True]),
        ([WRITTEN, BEGUN, DONE, ANSWERED], [True]),
        ([WRITTEN, SYNCED, WRITTEN, ANSWERED], [True]),
        ([WRITTEN, ANSWERED], [False]),
        ([WRITTEN, SYNCED, ANSWERED, WRITTEN, ANSWERED], [True, False]),
        ([SYNCED, WRITTEN, ANSWERED, SYNCED], [False]),
        ([WRITTEN, BEGUN, ANSWERED, DONE], [False]),
    ],
)
def test_a_trace_is_read_rightly(lines, found):
    assert synced("\n".join(lines)) == found
