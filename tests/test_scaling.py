"""docs/scaling.md: the proxies before two hosts, as the page has them; a dump, and what doctor says of a server."""

import json
import re
import shutil
import subprocess

import pytest

from tests.client import Client
from tests.nginx import MAIN, NAME, PROGRAM, needs_nginx, write_certificate
from tests.postgres import Postgres, programs, running
from tests.server import ROOT, Server, await_that, refused

PAGE = (ROOT / "docs" / "scaling.md").read_text()
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin")


def in_page(name):
    """The one file of that kind."""
    (found,) = re.findall(rf"```{name}\n(.*?)```", PAGE, re.DOTALL)
    return found
