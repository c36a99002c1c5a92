"""What a route takes and gives: said once beside its view, kept by it, and told in chat/web/openapi.py."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from flask import Response, request
from pydantic import BaseModel

from chat.accounts import User
from chat.errors import Problem
from chat.live.hub import Caller, Line
from chat.runtime import Runtime
from chat.web.held import Answer, Held, wait_and_answer
from chat.web.request import (
    body,
    caller,
    check_content,
    current_runtime,
    note_use,
    parsed_body,
    parsed_query,
    path_id,
    query,
    signed_in,
)


@dataclass(frozen=True)
class Operation:
    """The contract of a route.

    `answers` is the shape of each status that is a success: a TypedDict, None for no body, a media type for
    what is no JSON, or several of them. `refuses` are the errors that it has beside those of its
    parts: an id in the path, a query, a body, a sign-in. `user` finds who asks, or is None where anybody may.

    A `form` has a file beside these fields, and its view reads it.

    What `is_repeated` a client asks again and again on one connection. Its view is called once for a head,
    and gives what answers each caller, query and body that come with it.
    """

    summary: str
    answers: Mapping[int, Any]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    form: type[BaseModel] | None = None
    headers: type[BaseModel] | None = None
    refuses: tuple[type[Problem], ...] = ()
    user: Callable[[], User] | None = signed_in
    is_websocket: bool = False
    is_repeated: bool = False

    def __call__(self, view: Callable[..., Any]) -> Callable[..., Response]:
        """The view, called with the runtime, the user, what is in the path, the query and the body."""

        @wraps(view)
        def answer(**path: str) -> Response:
            given: list[Any] = [current_runtime()]
            if self.user is not None:
                given.append(self.user())
            given += [path_id(value, name) for name, value in path.items()]
            if self.is_repeated:
                if self.body is not None:
                    check_content()
                return self._repeated(Again(self, given[0], given[1], caller().network, view(*given)))
            if self.query is not None:
                given.append(query(self.query))
            if self.body is not None:
                given.append(body(self.body))
            return cast(Response, view(*given))

        cast(Any, answer).operation = self
        return answer

    def _repeated(self, again: "Again") -> Response:
        given = again.read(request.environ["QUERY_STRING"], request.environ["wsgi.input"])
        if remember := request.environ.get("chat.remember"):
            remember(again)
        client = caller()
        return Held(lambda: again.view(client, *given))


@dataclass(frozen=True, slots=True)
class Again:
    """A request that may come again, with the same head but for its query and its length.

    Flask has found the view then, and read who asks; the view looks up each time whether they still may.
    """

    operation: Operation
    runtime: Runtime
    user: User
    network: str
    view: Callable[..., Answer]

    def __call__(self, connection: Line, asked: Any, start_response: Any) -> Iterable[bytes] | None:
        """As a WSGI application answers; None where the query says who is meant, which `signed_in` reads."""
        if "chat_user" in asked.query:
            return None
        method, client = {"REQUEST_METHOD": asked.method}, Caller(connection, self.network)
        return wait_and_answer(lambda: self._answer(client, asked.query, asked.body), method, start_response)

    def read(self, query_string: str, content: Any) -> list[BaseModel]:
        """The query and the body; raises as they do."""
        given: list[BaseModel] = []
        if self.operation.query is not None:
            given.append(parsed_query(self.operation.query, query_string))
        if self.operation.body is not None:
            given.append(parsed_body(self.operation.body, content, self.runtime.settings.max_body_bytes))
        return given

    def _answer(self, client: Caller, query_string: str, content: Any) -> Answer:
        note_use(self.runtime, self.user)
        return self.view(client, *self.read(query_string, content))
