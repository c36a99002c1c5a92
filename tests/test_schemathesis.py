"""Schemathesis reads the description of the API, and asks for everything that it allows and forbids.

Every check is on: no 5xx, no answer that is not documented, no wrong input taken, no right one
refused, no way around the sign-in; and what can be done with a session that was made.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT

# What has no end, or takes the sign-in away; tests/test_types.py asks for these.
NOT_ASKED = r"/(stream|ws)|/diagnose|/logout"
LIMIT_SECONDS = 1700


def run(server, person, folder: Path, *options: str) -> None:
    """Fails with what it has found."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(ROOT / "tests" / "schemathesis.toml")),
        *("run", f"{server.url}/api/openapi.json", "--checks", "all", "--continue-on-failure"),
        *("--generation-deterministic", "--no-color", "--workers", "1", "--exclude-path-regex", NOT_ASKED),
        *("--header", f"Authorization: Bearer {person.token}", *options),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in server.log


@pytest.fixture
def described(start):
    """A server that holds no request for long, and counts no sign-ins."""
    return start(long_poll_seconds=0.05, logins_per_minute=0)


def test_the_api_is_as_it_is_described(described, tmp_path):
    talk = described.conversation()
    run(described, talk.client, tmp_path, "--phases", "fuzzing,stateful", "--max-examples", "2")


@pytest.mark.soak
@pytest.mark.parametrize("role", ["client", "agent", "admin"])
def test_the_api_is_as_it_is_described_for_long(described, tmp_path, role):
    talk = described.conversation()
    person = {"client": talk.client, "agent": talk.agent, "admin": None}[role] or described.person("admin")
    run(described, person, tmp_path, "--phases", "coverage,fuzzing,stateful", "--max-examples", "40")
