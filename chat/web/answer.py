"""JSON answers."""

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response

from chat.money import Cents

PERSONAL = {"Content-Type": "application/json", "Cache-Control": "no-store", "Vary": "Cookie"}
PUBLIC = {"Content-Type": "application/json"}


def encode(content: Mapping[str, Any]) -> bytes:
    """Its JSON."""
    return orjson.dumps(content, default=_encode_money, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def json(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] = PUBLIC) -> Response:
    """An answer; with the default headers one that is the same for everyone."""
    return Response(encode(content), status, headers)


def personal(content: Mapping[str, Any], status: int = 200) -> Response:
    """An answer meant for one user, which nobody may keep."""
    return json(content, status, PERSONAL)


def _encode_money(value: object) -> object:
    if isinstance(value, Cents):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value)} has no JSON")
