"""Lines of the log: text or JSON, with their request, without secrets, and none that is forged.

gunicorn's main process keeps this file as it loaded it: it imports nothing of chat.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from time import monotonic
from types import CodeType, FrameType
from typing import Any, TypeVar, cast
from urllib.parse import unquote

# What follows is as good as a password, or what somebody has searched for: in paths, queries, and the Referer
# of what comes next.
SECRET = re.compile(r"(?<=/links/)[^/?#&\s]+|(?<=\bcode=)[^&#\s]+|(?<=\bq=)[^&#\s]+")
TEXT, JSON = "text", "json"
# gunicorn's.
DATE = "[%Y-%m-%d %H:%M:%S %z]"
# What goes on failing is told again after so long.
AGAIN_SECONDS = 60.0

_serving: set[CodeType] = set()
F = TypeVar("F", bound=Callable[..., Any])


def for_request(function: F) -> F:
    """What it calls is done for the request that it knows as `request`."""
    _serving.add(cast(Any, function).__code__)
    return function


def request_id() -> str:
    """Of the request that the caller works for, or none.

    It is looked for when a line is written: thousands of requests wait, and each would have to keep what is
    hardly ever asked for.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_code in _serving:
            return str(frame.f_locals["request"].id)
        frame = frame.f_back
    return ""


def public(text: str) -> str:
    """Without tokens of links, codes and searches, however they are written, and without line breaks."""
    masked = SECRET.sub("...", text)
    plain = unquote(masked)
    found = SECRET.sub("...", plain)
    return one_line(masked if found == plain else found)


def one_line(text: str) -> str:
    """What cannot be seen is written as Python writes it."""
    return text if text.isprintable() else ascii(text)[1:-1]


class Text(logging.Formatter):
    """As gunicorn's error log; what goes on in another line is indented."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s [%(process)d] [%(levelname)s] %(message)s", DATE)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line."""
        record.message = one_line(record.message)
        number = request_id()
        return super().formatMessage(record) + (f" (request {number})" if number else "")

    def formatException(self, ei: Any) -> str:
        """Whose words may have lines of their own."""
        return _indented(super().formatException(ei))


class Json(logging.Formatter):
    """An object a line; what a record has as `fields` stands in it."""

    def format(self, record: logging.LogRecord) -> str:
        """ASCII only."""
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        found: dict[str, Any] = {
            "time": f"{second}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
        }
        if (fields := getattr(record, "fields", None)) is not None:
            return json.dumps({**found, **fields})
        found["message"] = record.getMessage()
        if number := request_id():
            found["request_id"] = number
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found)


def formatter(kind: str) -> logging.Formatter:
    """For TEXT or JSON."""
    return Json() if kind == JSON else Text()


def configure(handlers: list[logging.Handler], level: int) -> None:
    """What we and others say goes there: of us from `level` on, of others what is wrong."""
    root = logging.getLogger()
    root.handlers = handlers
    root.setLevel(max(level, logging.WARNING))
    for name in ("chat", "app"):
        logging.getLogger(name).setLevel(level)


class Trouble:
    """Something that goes on failing: told at once, when its cause is another, and once in a while."""

    def __init__(self, log: logging.Logger, message: str, end: str = "") -> None:
        """`message` has a place for the cause; `end` tells that it is over."""
        self._log, self._message, self._end = log, message, end
        self._cause, self._until = "", 0.0

    def tell(self, error: BaseException) -> None:
        """It has failed again."""
        now, cause = monotonic(), str(error)
        if cause != self._cause or now >= self._until:
            self._cause, self._until = cause, now + AGAIN_SECONDS
            self._log.error(self._message, cause)

    def over(self) -> None:
        """It has not failed; cheap where it did not before."""
        if self._cause:
            self._cause = ""
            self._log.warning(self._end)


def _indented(text: str) -> str:
    return "\n".join(f"    {one_line(line)}" for line in text.splitlines())
