"""The power goes while people talk: what a disk may then hold, opened again."""

import os
import random
import signal
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.preload import preload
from tests.faults.traffic import traffic

BETWEEN = 5
SECTOR = 512
# What a power cut may leave of what was written since the last sync.
CUTS = 5


@pytest.fixture
def synced(tmp_path, monkeypatch):
    """The folder with what servers that start from now on have synced of their files."""
    folder = tmp_path / "synced"
    folder.mkdir()
    preload(monkeypatch, "durable", tmp_path, folder)
    return folder


def freeze(pid):
    """Until each of its threads stands still."""
    os.kill(pid, signal.SIGSTOP)
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    while not all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in stats):
        threading.Event().wait(0.001)
        stats = Path(f"/proc/{pid}/task").glob("*/stat")


def cut(dice, synced, written):
    """Of each sector either what was synced or what was written since, and the file not longer than both."""
    size = dice.randint(*sorted((len(synced), len(written))))
    left = bytearray(size)
    for at in range(0, size, SECTOR):
        old, new = (each[at : at + SECTOR] for each in (synced, written))
        if old != new:
            # A sector that was never written is what it was: nothing.
            each = dice.choice((old, new)).ljust(SECTOR, b"\0")
            left[at : at + SECTOR] = each[: size - at]
        else:
            left[at : at + SECTOR] = new[: size - at]
    return bytes(left)


@pytest.mark.parametrize("rounds", [3, pytest.param(40, marks=pytest.mark.soak)])
def test_a_power_cut_takes_back_nothing_that_was_acknowledged(start, tmp_path, synced, worker_class, rounds):
    server, dice = start(worker_class=worker_class), random.Random(rounds)
    # Other programs copy: closing a file of it here would drop this process's locks.
    subprocess.run(["cp", server.path, synced], check=True)
    names = ("chat.db", "chat.db-wal")
    with traffic(server) as going:
        for number in range(rounds):
            going.go_on(BETWEEN)
            acknowledged = {one.key for one in going.history.sent if one.outcome == "acknowledged"}
            (worker,) = server.workers()
            freeze(worker)
            folder = tmp_path / f"cut{number}"
            for kind, source in (("synced", synced), ("written", server.folder)):
                (folder / kind).mkdir(parents=True)
                files = [source / name for name in names if (source / name).exists()]
                subprocess.run(["cp", *files, folder / kind], check=True)
            os.kill(worker, signal.SIGCONT)
            going.fault()
            for _ in range(CUTS):
                for name in names:
                    kinds = (folder / kind / name for kind in ("synced", "written"))
                    pair = [file.read_bytes() if file.exists() else b"" for file in kinds]
                    (folder / name).write_bytes(cut(dice, *pair))
                with closing(sqlite3.connect(folder / "chat.db")) as db:
                    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                    stored = {key for (key,) in db.execute("SELECT client_message_id FROM messages")}
                assert acknowledged <= stored
                for each in folder.glob("chat.db*"):
                    each.unlink()
            subprocess.run(["rm", "-r", folder], check=True)
