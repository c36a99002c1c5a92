"""Answers that are given when there is something to say."""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, NamedTuple

from flask import Response
from pydantic import Field

from chat.settings import Settings
from chat.web import problems
from chat.web.answer import PERSONAL
from chat.web.request import Flag, Query

Headers = list[tuple[str, str]]
ALWAYS: Headers = list(PERSONAL.items())
# Past a cap: the client asks again after so long, without expecting to be held.
NOT_HELD: Headers = [*ALWAYS, ("Retry-After", "3")]
# Thousands of polls that began together must not all end in the same instant.
SHORTEST_HOLD = 0.9


class LongPoll(Query):
    """The part of a query string that asks to be held."""

    long_poll: Flag | None = Field(default=None, alias="longPoll")
    wait: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @property
    def is_long_poll(self) -> bool:
        """A `wait` asks for one by itself."""
        return self.wait is not None if self.long_poll is None else self.long_poll

    def seconds(self, settings: Settings) -> float:
        """How long to hold it."""
        longest = settings.long_poll_seconds
        asked = longest if self.wait is None else min(self.wait, longest)
        return asked * random.uniform(SHORTEST_HOLD, 1.0)


class Answer(NamedTuple):
    """What is answered in the end."""

    body: bytes
    headers: Headers = ALWAYS
    status: str = "200 OK"


class Held(Response):
    """An answer that `wait()` returns when it is time, maybe much later.

    It waits in the body, after Flask has let the request go and its stack is gone: a held poll then takes
    a quarter less memory. The server asks for the body, and only then is told of the status and
    headers, as PEP 3333 allows.
    """

    def __init__(self, wait: Callable[[], Answer]) -> None:
        super().__init__()
        self._wait = wait

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """The WSGI application."""
        return wait_and_answer(self._wait, environ, start_response)


def wait_and_answer(wait: Callable[[], Answer], environ: Any, start_response: Any) -> Iterator[bytes]:
    """The body, after the status and the headers, also of what goes wrong."""
    try:
        body, headers, status = wait()
    except ConnectionError:
        raise  # Nobody is there to be answered.
    except Exception as error:
        yield from problems.answer_to(error)(environ, start_response)
    else:
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        yield b"" if environ["REQUEST_METHOD"] == "HEAD" else body
