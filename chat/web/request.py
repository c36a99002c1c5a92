"""Reading a request strictly: who asks, and what."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import parse_qsl

from flask import Flask, current_app, request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import HTTPException

from chat import accounts, limits, money, texts
from chat.accounts import User
from chat.errors import (
    BodyTooLarge,
    CrossSite,
    InvalidParameter,
    InvalidRequest,
    NotAuthenticated,
    OtherUser,
    Problem,
    UnsupportedMediaType,
)
from chat.live.hub import Caller
from chat.messages import MAX_CHARACTERS
from chat.money import Cents
from chat.runtime import Runtime

# A browser keeps the first from other hosts of the domain, and takes it over TLS only.
COOKIES = ("__Host-session", "session")
MAX_INTEGER = 2**63 - 1
# What a script writes of an id that it does not have yet.
NONE_YET = ("", "null", "undefined", "NaN")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

Model = TypeVar("Model", bound=BaseModel)


def current_runtime() -> Runtime:
    """The runtime of the process that this request runs in."""
    return cast(Runtime, current_app.extensions["chat"])


def signed_in() -> User:
    """The user that the request's token belongs to; raises NotAuthenticated, OtherUser.

    A page names whom it was made for: the cookie is the browser's, and another tab may change it.
    """
    runtime, token_hashes = current_runtime(), [accounts.hash_token(token) for token in tokens()]
    is_browser = "Authorization" not in request.headers
    user = runtime.database.read(lambda db: accounts.authenticate(db, *token_hashes, is_browser=is_browser))
    meant = request.headers.get("Chat-User") or request.args.get("chat_user")
    if meant is not None and meant != str(user.id):
        raise OtherUser(name=user.name)
    note_use(runtime, user)
    # Whose acts are noted.
    return replace(user, address=caller().network) if user.role == "admin" else user


def note_use(runtime: Runtime, user: User) -> None:
    """They are there; a program's token is in use."""
    runtime.presence.see(user.id)
    if user.is_program:
        runtime.presence.use(user.token_hash)


def user_of(app: Flask, environ: dict[str, Any]) -> int | None:
    """Whose request it is that begins with this head; None where nobody is signed in."""
    try:
        with app.request_context(environ):
            return signed_in().id
    except (Problem, HTTPException):
        return None


def signed_in_here() -> User:
    """The same for a handshake, which a browser lets any page begin; raises CrossSite, NotAuthenticated."""
    check_origin()
    return signed_in()


def tokens() -> list[str]:
    """`Authorization: Bearer <token>`, or else all in cookies; raises NotAuthenticated, CrossSite.

    A browser sends two of one name when another application of the domain has one, too.
    """
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, value = header.partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise NotAuthenticated("Authorization must be: Bearer <token>")
        return [value.strip()]
    if found := cookies():
        if request.method not in SAFE_METHODS:
            check_origin()
        return found
    raise NotAuthenticated


def cookies() -> list[str]:
    """What may be the token of a browser, the best first."""
    return [value for name in COOKIES for value in request.cookies.getlist(name) if value]


def check_origin() -> None:
    """Raises CrossSite for what another site's page asks for: the browser adds our cookie to it.

    Browsers tell where a request comes from; what tells nothing is none, and no cookie is added to it
    that its sender does not know.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is None:
        is_ours = origin is None or origin.partition("://")[2] == request.host
    else:
        is_ours = site in ("same-origin", "none")
    if not is_ours:
        raise CrossSite(f"The page is of {origin}, and this is {request.host}.")


def _digits(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        number = int(value)
        if number <= MAX_INTEGER:
            return number
    raise PydanticCustomError("digits", "must be digits, from 0 to 9223372036854775807")


def _flag(value: Any) -> bool:
    if value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    raise PydanticCustomError("flag", "must be true or false")


def _key(value: str) -> str:
    if not texts.is_key(value):
        raise PydanticCustomError("key", "must be 1 to 64 printable ASCII characters")
    return value


def _cents(value: Any) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= money.LARGEST:
        with suppress(ValueError):
            return money.minor_units(Decimal(str(value)))
    raise PydanticCustomError("amount", "must be {amount}", {"amount": money.described()})


def _units(value: Any) -> Decimal:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= money.LARGEST:
        return Decimal(str(value))
    raise PydanticCustomError("amount", "must be {amount}", {"amount": money.described()})


def in_currency(amount: Decimal, currency: str) -> int:
    """Its minor units; raises InvalidParameter."""
    try:
        return money.minor_units(amount, currency)
    except ValueError as error:
        raise InvalidParameter(f"amount {error}", field="amount") from None


@dataclass(frozen=True)
class AmountSchema:
    """How an amount is described, from so many minor units: they are another part of each currency's unit."""

    least: int

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        least, largest, unit = (float(str(Cents(cents))) for cents in (self.least, money.LARGEST, 1))
        return {"type": "number", "minimum": least, "maximum": largest, "multipleOf": unit}


# The bounds come first: what stands outside of the validator, the schema would not show.
Digits = Annotated[int, Field(ge=0, le=MAX_INTEGER), BeforeValidator(_digits)]
LastId = Annotated[
    int,
    BeforeValidator(lambda value: 0 if value in NONE_YET else _digits(value)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER},
                {"type": "string", "enum": list(NONE_YET)},
            ]
        }
    ),
]
PageSize = Annotated[int, Field(ge=1, le=100), BeforeValidator(_digits)]
Flag = Annotated[
    bool, BeforeValidator(_flag), WithJsonSchema({"type": "string", "enum": ["true", "false", "1", "0"]})
]
Id = Annotated[int, Field(strict=True, ge=1, le=MAX_INTEGER)]
Amount = Annotated[int, BeforeValidator(_cents), AmountSchema(0)]
# The same, and something.
Some = Annotated[int, BeforeValidator(_cents), AmountSchema(1)]
# Of a currency that only the rest of the request tells: `in_currency`.
Units = Annotated[Decimal, BeforeValidator(_units), AmountSchema(1)]
Key = Annotated[
    str,
    Field(strict=True),
    AfterValidator(_key),
    WithJsonSchema({"type": "string", "pattern": "^[ -~]{1,64}$"}),
]
Text = Annotated[str, Field(strict=True)]


def written(longest: int) -> WithJsonSchema:
    """How a text of so many characters is described; chat/texts.py is what checks it."""
    return WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": longest,
            "pattern": f"^[^\0]*[^{texts.UNSEEN}][^\0]*$",
        }
    )


def described(pattern: str, longest: int) -> WithJsonSchema:
    """A text of this pattern; the domain is what checks it."""
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "maxLength": longest})


WRITTEN = written(MAX_CHARACTERS)


class Query(BaseModel):
    """A query string; what it does not know, it leaves alone."""


class Body(BaseModel):
    """A JSON object; what it does not know, it leaves alone."""


class IdempotencyKey(Body):
    """With the same key nothing is done twice."""

    idempotency_key: Key | None = Field(default=None, alias="Idempotency-Key")


class RequiredKey(Body):
    """The same, and without one nothing is done."""

    idempotency_key: Key = Field(alias="Idempotency-Key")


def idempotency_key() -> str | None:
    """What the header `Idempotency-Key` says, if it is there; raises InvalidParameter."""
    header = request.headers.get("Idempotency-Key")
    return None if header is None else parsed_key(header)


def given_key(header: str | None, in_body: str | None) -> str | None:
    """What one of them says; raises InvalidParameter where each says another."""
    if header is not None and in_body not in (None, header):
        raise InvalidParameter(
            "Idempotency-Key and client_message_id differ; send one of them.", field="client_message_id"
        )
    return in_body if header is None else header


def required_key() -> str:
    """The same, of a write that moves money; raises InvalidParameter without one, too."""
    if (key := idempotency_key()) is None:
        raise InvalidParameter("The header Idempotency-Key is missing.", field="Idempotency-Key")
    return key


def parsed_key(header: str) -> str:
    """The same of what it says; raises InvalidParameter."""
    return validated(RequiredKey, {"Idempotency-Key": header}).idempotency_key


def caller(kind: str = "poll") -> Caller:
    """From where the request comes, and what it is told by; the worker tells on which connection."""
    address = request.remote_addr or ""
    network = "" if limits.is_here(address) else limits.network(address)
    return Caller(request.environ.get("chat.connection"), network, kind)


def path_id(value: str, name: str = "id") -> int:
    """An id in the path; raises InvalidParameter."""
    try:
        return _digits(value)
    except PydanticCustomError as error:
        raise InvalidParameter(f"The id in the path {error.message()}.", field=name) from None


def query(model: type[Model]) -> Model:
    """The query string; raises InvalidParameter."""
    return parsed_query(model, request.environ["QUERY_STRING"])


def parsed_query(model: type[Model], text: str) -> Model:
    """The same of any; raises InvalidParameter, also for a parameter that comes twice."""
    pairs = parse_qsl(text, keep_blank_values=True, errors="replace")
    values = dict(pairs)
    if len(values) < len(pairs):
        name, times = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InvalidParameter(f"{name} is given {times} times.")
    return validated(model, values)


def body(model: type[Model]) -> Model:
    """The JSON body; raises UnsupportedMediaType, BodyTooLarge, InvalidRequest, InvalidParameter."""
    check_content()
    limit = current_runtime().settings.max_body_bytes
    return parsed_body(model, request.environ["wsgi.input"], limit)


def check_content() -> None:
    """What the head says of the body; raises UnsupportedMediaType, BodyTooLarge."""
    limit = current_runtime().settings.max_body_bytes
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(f"Content-Type is {request.content_type or 'missing'}.")
    if (request.content_length or 0) > limit:
        raise BodyTooLarge(f"At most {limit} bytes.")


def parsed_body(model: type[Model], content: Any, limit: int) -> Model:
    """The same of any; raises BodyTooLarge, InvalidRequest, InvalidParameter.

    All of it, chunked or not: Flask's own limit cuts a chunked body short without a word.
    """
    raw = content.read(limit + 1)
    if len(raw) > limit:
        raise BodyTooLarge(f"At most {limit} bytes.")
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _problem(error) from None


def validated(model: type[Model], values: Any) -> Model:
    """The model of these values; raises InvalidParameter."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _problem(error) from None


def _problem(error: ValidationError) -> InvalidParameter | InvalidRequest:
    """The first thing that is wrong, in a sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    reason = first["msg"][0].lower() + first["msg"][1:]
    if first["type"] in ("json_invalid", "model_type"):
        return InvalidRequest(f"The body must be a JSON object: {reason}.")
    name = ".".join(map(str, first["loc"]))
    found = first["input"]
    shown = "" if first["type"] == "missing" else f", and is {_shorten(repr(found))}"
    return InvalidParameter(f"{name}: {reason}{shown}.", field=name)


def _shorten(text: str, length: int = 60) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
