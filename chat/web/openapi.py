"""The OpenAPI document, made from what the routes say of themselves: their models, shapes and errors."""

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, cast

from flask import Flask
from pydantic import BaseModel, TypeAdapter
from werkzeug.routing import Rule

from chat.errors import (
    AttachmentTooLarge,
    BodyTooLarge,
    CrossSite,
    DatabaseUnavailable,
    InvalidParameter,
    NotAuthenticated,
    NotFound,
    OtherUser,
    Problem,
    UnknownMethod,
    UnsupportedMediaType,
)
from chat.web.contract import Operation
from chat.web.problems import UNREADABLE
from chat.web.request import COOKIES, MAX_INTEGER, SAFE_METHODS

Schema = dict[str, Any]

JSON = "application/json"
FORM = "multipart/form-data"
PROBLEM = "application/problem+json"
IN_PATH = re.compile("<([a-z_]+)>")
PROBLEM_SCHEMA: Schema = {
    "description": "RFC 9457. `code` does not change; `title` and `detail` are for people.",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "code": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "The value that is not acceptable."},
        "cursor": {"type": "integer", "description": "Of cursor_reset: where to start again."},
        "receipt": {"type": "string", "description": "Of session_ended: the address of the receipt."},
        "rate_per_minute": {"type": "number", "description": "Of rate_changed: what a minute costs now."},
        "transfer": {
            "type": ["object", "null"],
            "description": "Of offer_changed: what is offered now, as a session tells it.",
        },
        "least": {
            "type": "number",
            "description": "Of invalid_parameter: the least that is acceptable, if known.",
        },
        "request_id": {"type": "string", "description": "Of internal_error: its number in the server's log."},
        "missing": {"type": "number", "description": "Of insufficient_balance: what it lacks, if known."},
    },
    "required": ["type", "code", "status", "title"],
}


def document(app: Flask) -> Schema:
    """OpenAPI 3.1 of every route below /api/. Raises AttributeError for one that says nothing of itself."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    operations = [(rule, cast(Any, app.view_functions[rule.endpoint]).operation) for rule in rules]
    shapes, schemas = _shapes(operation for _, operation in operations)
    paths: dict[str, Schema] = {}
    for rule, operation in operations:
        method = _method(rule)
        paths.setdefault(_path(rule), {})[method.lower()] = _operation(rule, operation, method, shapes)
    _link(paths)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tête-à-tête", "version": "1", "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": app.extensions["chat"].settings.prefix or "/"}],
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": PROBLEM_SCHEMA},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIES[-1]},
            },
        },
    }


def _method(rule: Rule) -> str:
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return method


def _path(rule: Rule) -> str:
    return IN_PATH.sub(r"{\1}", rule.rule)


def _contents(answer: Any) -> tuple[Any, ...]:
    """The shapes and media types that an answer may have."""
    if answer is None:
        return ()
    return answer if isinstance(answer, tuple) else (answer,)


def _shapes(operations: Iterable[Operation]) -> tuple[dict[Any, Schema], Schema]:
    """The schema of each shape that is answered, and those that they have in common."""
    shapes = {
        shape
        for operation in operations
        for answer in operation.answers.values()
        for shape in _contents(answer)
        if not isinstance(shape, str)
    }
    adapters = [(shape, "serialization", TypeAdapter(shape)) for shape in sorted(shapes, key=str)]
    found, shared = TypeAdapter.json_schemas(adapters, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    return {shape: schema for (shape, _), schema in found.items()}, shared["$defs"]


def _operation(rule: Rule, operation: Operation, method: str, shapes: dict[Any, Schema]) -> Schema:
    described: Schema = {
        "operationId": rule.endpoint,
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": operation.summary,
        "security": [{"bearer": []}, {"cookie": []}] if operation.user else [],
        "parameters": list(_parameters(rule, operation)),
        "responses": {
            **{
                str(status): _answer(status, answer, operation.is_websocket, shapes)
                for status, answer in operation.answers.items()
            },
            **_problems(_refusals(rule, operation, method)),
        },
    }
    if operation.body is not None:
        schema = operation.body.model_json_schema()
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    if operation.form is not None:
        schema = operation.form.model_json_schema()
        schema["properties"]["file"] = {"type": "string", "format": "binary"}
        schema["required"] = ["file"]
        described["requestBody"] = {"required": True, "content": {FORM: {"schema": schema}}}
    return described


def _parameters(rule: Rule, operation: Operation) -> Iterator[Schema]:
    for name in IN_PATH.findall(rule.rule):
        schema: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    yield from _named("query", operation.query)
    yield from _named("header", operation.headers)


def _named(place: str, model: type[BaseModel] | None) -> Iterator[Schema]:
    """A parameter for each field; in a query there is no null, what is not there is left out."""
    described = model.model_json_schema() if model else {"properties": {}}
    for name, schema in described["properties"].items():
        either = [each for each in schema.pop("anyOf", ()) if each.get("type") != "null"]
        if schema.get("default", "") is None:
            del schema["default"]
        schema |= {"anyOf": either} if len(either) > 1 else (either or [{}])[0]
        is_required = name in described.get("required", ())
        yield {"name": name, "in": place, "required": is_required, "schema": schema}


def _answer(status: int, answer: Any, is_websocket: bool, shapes: dict[Any, Schema]) -> Schema:
    described: Schema = {"description": HTTPStatus(status).phrase}
    content = {
        shape if isinstance(shape, str) else JSON: {
            "schema": {"type": "string"} if isinstance(shape, str) else shapes[shape]
        }
        for shape in _contents(answer)
    }
    if is_websocket:
        described["description"] = "From here on it is a WebSocket, whose frames are JSON text."
    return {**described, "content": content} if content else described


def _refusals(rule: Rule, operation: Operation, method: str) -> set[type[Problem]]:
    """Its own errors, those of its parts, and those of any request."""
    kinds: set[type[Problem]] = {DatabaseUnavailable, *UNREADABLE.values(), *operation.refuses}
    kinds -= {UnknownMethod}  # What it is is no operation.
    if operation.user is not None:
        kinds |= {NotAuthenticated, OtherUser}
        if method not in SAFE_METHODS:
            kinds |= {CrossSite}
    if IN_PATH.search(rule.rule):
        kinds |= {InvalidParameter, NotFound}
    if operation.query is not None:
        kinds |= {InvalidParameter}
    if operation.body is not None:
        kinds |= {InvalidParameter, BodyTooLarge, UnsupportedMediaType}
    if operation.form is not None:
        kinds |= {InvalidParameter, BodyTooLarge, AttachmentTooLarge, UnsupportedMediaType}
    return kinds


def _problems(kinds: set[type[Problem]]) -> Schema:
    """An answer a status, with all the codes that it may carry."""
    answers: Schema = {}
    for status in sorted({kind.status for kind in kinds}):
        same = sorted((kind for kind in kinds if kind.status == status), key=lambda kind: kind.code)
        codes = {"properties": {"code": {"enum": [kind.code for kind in same]}}}
        headers = {
            name for kind in same for name in (*kind.headers, *["Retry-After"] * bool(kind.retry_after))
        }
        answers[str(status)] = {
            "description": " ".join(f"`{kind.code}`: {kind.title}" for kind in same),
            "headers": {name: {"schema": {"type": "string"}} for name in sorted(headers)},
            "content": {PROBLEM: {"schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, codes]}}},
        }
    return answers


def _link(paths: dict[str, Schema]) -> None:
    """From the answer that makes a session to all that can be done with one."""
    made = paths["/api/chat/sessions"]["post"]["responses"]["201"]
    session_id = "$response.body#/session/id"
    made["links"] = {
        operation["operationId"]: {
            "operationId": operation["operationId"],
            "parameters": {"chat_session_id": session_id},
        }
        for path, methods in paths.items()
        if "{chat_session_id}" in path
        for operation in methods.values()
    }
