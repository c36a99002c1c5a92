"""What arrives through the operator's proxy, and what comes back through it: held, streamed, upgraded."""

from time import monotonic
from typing import Annotated, NoReturn

from flask import Blueprint, Response, request
from pydantic import Field

from chat.accounts import User
from chat.documents import encode
from chat.errors import CrossSite, Forbidden, InvalidParameter, Overloaded
from chat.live.hub import Caller, TooManyWaiters
from chat.runtime import Runtime
from chat.store import server
from chat.web.answer import personal
from chat.web.api.streaming import EVENT_STREAM, Stream
from chat.web.contract import Operation
from chat.web.events import Event, Events
from chat.web.held import Answer, Held
from chat.web.proxies import told_by_proxies
from chat.web.request import Flag, Query, caller, current_runtime, signed_in_here
from chat.web.websocket import Closed, Upgraded, WebSocket
from chat.wire import Diagnosis

blueprint = Blueprint("diagnosis", __name__, url_prefix="/api/chat/diagnose")

# Nothing is ever published on it: who waits for it waits for the deadline, or for the server to stop.
TOPIC = "diagnosis"
TICKS = 5
TICK_SECONDS = 0.5
FRAME_SECONDS = 5.0


class Diagnose(Query):
    """Which check; without either, what arrived."""

    hold: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    stream: Flag | None = None


def operator() -> User:
    """Only they; for a WebSocket before the handshake, so that it is refused with a status."""
    user = signed_in_here()
    if user.role != "admin":
        raise Forbidden
    return user


@blueprint.get("")
@Operation(
    "This request as the server sees it; held for a while, or as a stream",
    {200: (Diagnosis, EVENT_STREAM)},
    query=Diagnose,
    refuses=(CrossSite, Forbidden, Overloaded),
    user=operator,
)
def diagnose(runtime: Runtime, user: User, asked: Diagnose) -> Response:
    client = caller()
    if asked.stream and asked.hold is not None:
        raise InvalidParameter("hold and stream are two checks; ask for one.", field="stream")
    if asked.stream:
        return Stream(lambda: _tick(runtime, user, client._replace(kind="sse")))
    if asked.hold is None:
        return personal(arrived())
    longest, hold, content = runtime.settings.long_poll_seconds, asked.hold, arrived()
    if hold > longest:
        raise InvalidParameter(f"hold: must be {longest:g} seconds at most, and is {hold:g}.", field="hold")

    def wait() -> Answer:
        return Answer(encode({**content, "held_seconds": _hold(runtime, user, client, hold)}))

    return Held(wait)


@blueprint.get("/ws", websocket=True)
@Operation(
    "A WebSocket that sends one frame back and closes",
    {101: None},
    refuses=(CrossSite, Forbidden),
    user=operator,
    is_websocket=True,
)
def echo(runtime: Runtime, user: User) -> Response:
    """One frame comes back, and that is all."""
    return Upgraded(_echo)


def arrived() -> Diagnosis:
    """This request, as the server sees it.

    gunicorn takes the scheme from X-Forwarded-Proto, if it trusts who is connected (`forwarded_allow_ips`),
    and leaves `client_address` as it is: that of the proxy, where there is one.
    """
    told = told_by_proxies(request.headers)
    return {
        "client_address": request.environ.get("werkzeug.proxy_fix.orig", request.environ)["REMOTE_ADDR"],
        "forwarded_for": told.get("X-Forwarded-For"),
        "scheme": request.environ["wsgi.url_scheme"],
        "forwarded_proto": told.get("X-Forwarded-Proto"),
        "is_secure": request.is_secure,
        "host": request.headers.get("Host", ""),
        "http_version": request.environ.get("SERVER_PROTOCOL", ""),
        "is_via_proxy": bool(told),
        "forwarded_headers": told,
        "long_poll_seconds": current_runtime().settings.long_poll_seconds,
    }


def _hold(runtime: Runtime, user: User, client: Caller, seconds: float) -> float:
    """Wait for so long, as a poll waits; returns for how long it was. Raises Overloaded beyond the caps."""
    began = monotonic()
    try:
        with runtime.hub.subscribe(user.id, [TOPIC], client) as waiter:
            waiter.wait(0, began + seconds)
    except TooManyWaiters:
        raise Overloaded from None
    return round(monotonic() - began, 3)


def _echo(ws: WebSocket) -> NoReturn:
    until = monotonic() + FRAME_SECONDS
    while (left := until - monotonic()) > 0:
        for frame in ws.received(left):
            ws.send(frame)
            raise Closed(1000, "")
    raise Closed(1000, "")


def _tick(runtime: Runtime, user: User, client: Caller) -> Events:
    """A few events with the server's time, at intervals that a buffer would swallow."""
    with runtime.hub.subscribe(user.id, [TOPIC], client) as waiter:
        for number in range(1, TICKS + 1):
            if number > 1:
                waiter.wait(0, monotonic() + TICK_SECONDS)
            yield Event("tick", {"number": number, "server_time": runtime.database.read(server.now)})
            if waiter.released:
                return
