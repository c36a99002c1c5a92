"""Answers that are given when there is something to say."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response

from chat.web import problems

Headers = list[tuple[str, str]]


class Held(Response):
    """An answer whose body and headers `wait()` returns when it is time, maybe much later.

    It waits in the body, after Flask has let the request go and its stack is gone: a held poll then takes
    a quarter less memory. The server asks for the body, and only then is told of the status and
    headers, as PEP 3333 allows.
    """

    def __init__(self, wait: Callable[[], tuple[bytes, Headers]]) -> None:
        super().__init__()
        self._wait = wait

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """The WSGI application."""
        return _wait_and_answer(self._wait, environ, start_response)


def _wait_and_answer(
    wait: Callable[[], tuple[bytes, Headers]], environ: Any, start_response: Any
) -> Iterator[bytes]:
    try:
        body, headers = wait()
    except Exception as error:
        yield from problems.answer_to(error)(environ, start_response)
    else:
        start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
        yield body
