"""The session in docs/api.md, from beginning to end, line by line as it is printed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.server import PATIENCE_SECONDS, ROOT

FIVE_MINUTES = 250  # What is left of the fifth may pass while the commands run.
REST = "…"


def commands():
    """(command, what it prints, whether five minutes have passed) for each `$` line."""
    docs = (ROOT / "docs" / "api.md").read_text()
    section = docs[docs.index("## A session from beginning to end") : docs.index("## Chat sessions")]
    later = section.index("Then the client ends it")
    for block in re.finditer(r"```console\n(.*?)```", section, re.S):
        for step in re.finditer(r"^\$ (.*)\n((?:[^$].*\n)*)", block[1], re.M):
            yield step[1], step[2].strip(), block.start() > later


def parsed(printed):
    """Its JSON, where `…` stands for further fields of an object."""
    return json.loads(re.sub(r",?…\}", r', "…": 0}', printed).replace("{,", "{"))


def is_like(found, printed):
    """Whether it is what is printed, and no more where that says all."""
    if isinstance(printed, dict):
        names = printed.keys() - {REST}
        has_names = names <= found.keys() if REST in printed else names == found.keys()
        return has_names and all(is_like(found[name], printed[name]) for name in names)
    if isinstance(printed, list):
        return len(found) == len(printed) and all(map(is_like, found, printed))
    return found == printed and type(found) is type(printed)


def test_the_story_happens_as_it_is_told(start):
    server = start(workers=2)
    environment = server.environment | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    variables, is_later = {}, False
    for command, printed, later in commands():
        if later and not is_later:
            server.advance(FIVE_MINUTES)
            is_later = True
        line = command.replace("http://localhost:3000", server.url).replace("curl ", "curl -sS ")
        name = re.match(r"([A-Z]+)=", line)
        done = subprocess.run(
            ["bash", "-c", f"{line}; {f'echo ${name[1]}' if name else ''}"],
            cwd=ROOT,
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        said = done.stdout.strip()
        if name:
            variables[name[1]] = said
        elif printed.startswith("{"):
            assert is_like(json.loads(said), parsed(printed)), f"{command}\n{said}"
        else:
            assert said == printed, f"{command}\n{done.stderr}"
    assert is_later
