"""`python -m tests.released`: keep a database of this version, a month of conversations, for later ones."""

import lzma
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from chat.version import VERSION
from tests.server import ROOT

FOLDER = Path(__file__).parent / "releases"


def dump_of(version: str) -> Path:
    """Where it is kept, as SQL."""
    return FOLDER / f"{version}.sql.xz"


def load(version: str, path: Path, questions: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Make that database again, at `path`; the rows that it has, by the names of the questions."""
    path.touch(0o600)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(lzma.decompress(dump_of(version).read_bytes()).decode())
        db.row_factory = sqlite3.Row
        return {name: [dict(row) for row in db.execute(sql)] for name, sql in questions.items()}


def main() -> None:
    """Writes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.db"
        environment = os.environ | {"CHAT_DATABASE_URL": f"sqlite:///{path}", "CHAT_PREPAID": "1"}
        command = [sys.executable, "-m", "flask", "--app", "app", "chat", "demo"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        with closing(sqlite3.connect(path)) as db:
            dumped = "\n".join(db.iterdump())
    FOLDER.mkdir(exist_ok=True)
    dump_of(VERSION).write_bytes(lzma.compress(dumped.encode(), preset=9))


if __name__ == "__main__":
    main()
