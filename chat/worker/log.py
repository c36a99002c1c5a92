"""gunicorn's log, without secrets."""

import re
from typing import Any
from urllib.parse import unquote

from gunicorn import glogging

# What follows is as good as a password: in paths, queries, and the Referer of what comes next.
SECRET = re.compile(r"(?<=/links/)[^/?#&\s]+|(?<=\bcode=)[^&#\s]+")


class Logger(glogging.Logger):
    """gunicorn's, whose access log tells no secret, and has one line for a request."""

    def atoms(self, *args: Any) -> dict[str, Any]:
        """What a line may consist of; operators choose with gunicorn's `access_log_format`."""
        atoms: dict[str, Any] = super().atoms(*args)
        return {name: _public(value) if isinstance(value, str) else value for name, value in atoms.items()}


def _public(text: str) -> str:
    """Without tokens of links and the set-up code, however they are written, and without line breaks."""
    plain = unquote(text)
    found = SECRET.sub("...", plain)
    shown = text if found == plain else found
    return shown if shown.isprintable() else ascii(shown)[1:-1]
