"""Whether the server on this machine answers, by its own settings; exits with 1 where it does not."""

import os
import sys
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

settings_file = run_path(str(Path(find_spec("tete_a_tete").origin).parent / "chat" / "settings.py"))
settings = settings_file["from_environment"](settings_file["environment"](os.environ))
# Who answers to some names only is asked by the first of them.
name = [*settings.trusted_hosts, "localhost"][0].lstrip(".")
connection = HTTPConnection("127.0.0.1", int(settings.bind.rpartition(":")[2]), timeout=4)
connection.request("GET", f"{settings.prefix}/healthz", headers={"Host": name})
sys.exit(connection.getresponse().status != 200)
