"""What is printed, and kept in docs/performance.md."""

import platform
import re
from argparse import Namespace
from datetime import date
from pathlib import Path

from bench.server import ROOT
from chat.database.sqlite.connection import sqlite3

PAGE = ROOT / "docs" / "performance.md"


def show(name: str, text: str, options: Namespace) -> None:
    """Print it; with `--write` it also takes the place of what is between the page's marks of that name."""
    print(text)
    if options.write:
        marks = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        page = PAGE.read_text()
        if not marks.search(page):
            raise ValueError(f"no marks of {name} in {PAGE.name}")
        PAGE.write_text(marks.sub(lambda found: f"{_sitting()}\n\n{text}\n", page))


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _sitting() -> str:
    """When and where."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processor = found[1] if found else platform.machine()
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return f"Measured {date.today()}, {processor}, {versions}."
