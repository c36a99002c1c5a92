"""Libraries that stand between a server and the system."""

import shutil
import subprocess
from pathlib import Path

import pytest


def preload(monkeypatch: pytest.MonkeyPatch, name: str, folder: Path, about: Path) -> None:
    """Compile one of this folder for all programs that are started from now on; it is told of a path."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler is installed")
    source, library = Path(__file__).with_name(f"{name}.c"), folder / f"{name}.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    monkeypatch.setenv(name.upper(), str(about))
    monkeypatch.setenv("LD_PRELOAD", str(library))
