"""What a route takes and gives: said once beside its view, kept by it, and told in chat/web/openapi.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response
from pydantic import BaseModel

from chat.accounts import User
from chat.errors import InvalidParameter, Problem
from chat.web.request import body, current_runtime, path_id, query, signed_in

View = TypeVar("View", bound=Callable[..., Response])


@dataclass(frozen=True)
class Operation:
    """The contract of a route.

    `answers` is the shape of each status that is a success: a TypedDict, None for no body, a media type for
    what is no JSON, or several of them. `choices` are what a part of the path may be that is no id. `refuses`
    are the errors that it has beside those of its parts: an id in the path, a query, a body, a sign-in.
    `user` finds who asks, or is None where anybody may.
    """

    summary: str
    answers: Mapping[int, Any]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    headers: type[BaseModel] | None = None
    choices: Mapping[str, tuple[str, ...]] | None = None
    refuses: tuple[type[Problem], ...] = ()
    user: Callable[[], User] | None = signed_in
    is_websocket: bool = False

    def __call__(self, view: View) -> View:
        """The view, called with the runtime, the user, what is in the path, the query and the body."""

        @wraps(view)
        def answer(**path: str) -> Response:
            given: list[Any] = [current_runtime()]
            if self.user is not None:
                given.append(self.user())
            given += [self._in_path(name, value) for name, value in path.items()]
            if self.query is not None:
                given.append(query(self.query))
            if self.body is not None:
                given.append(body(self.body))
            return view(*given)

        cast(Any, answer).operation = self
        return cast(View, answer)

    def _in_path(self, name: str, value: str) -> int | str:
        choices = (self.choices or {}).get(name)
        if choices is None:
            return path_id(value, name)
        if value not in choices:
            raise InvalidParameter(f"{name} is {value!r}; it must be {' or '.join(choices)}.", field=name)
        return value
