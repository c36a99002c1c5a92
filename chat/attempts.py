"""Attempts to sign in: how many may fail from one address, at one account and at all, in all processes.

By account and address together, so that nobody is locked out by others who guess. In the database, where each
process sees what was tried at another; a restart forgives nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from math import ceil

from chat import store
from chat.database.connection import Connection
from chat.errors import TooManyRequests
from chat.live.hub import Caller
from chat.runtime import Runtime

MINUTE_MS = 60_000
# Three codes of a million are right at a time: ten wrong ones, and six an hour, find one in years.
CODES = 10
CODE_MS = 10 * MINUTE_MS
# Links for a new password that are sent to one account: three, and six an hour, from wherever.
LINKS = 3
LINK_MS = 10 * MINUTE_MS


@contextmanager
def attempt(runtime: Runtime, caller: Caller, account: str) -> Iterator[None]:
    """One attempt at an account, which need not exist; it counts unless it succeeds.

    Raises TooManyRequests.
    """
    costs = count(runtime, caller, account)
    yield
    runtime.database.write(lambda db: store.attempts.give_back(db, costs))


@contextmanager
def attempt_code(runtime: Runtime, user_id: int, totp_key: str) -> Iterator[None]:
    """The same at a second step, from wherever: no setting lifts it. Raises TooManyRequests."""
    costs = {_key("code", str(user_id), totp_key): CODE_MS}
    runtime.database.write(lambda db: _take(db, costs, CODES * CODE_MS))
    yield
    runtime.database.write(lambda db: store.attempts.give_back(db, costs))


def count_link(runtime: Runtime, account: str) -> None:
    """One more that is sent to it, which need not exist: no setting lifts it. Raises TooManyRequests."""
    costs = {_key("link", account): LINK_MS}
    runtime.database.write(lambda db: _take(db, costs, LINKS * LINK_MS))


def count_guest(runtime: Runtime, caller: Caller, widget_id: int) -> None:
    """One more who comes by a widget: at all, and from one address. Raises TooManyRequests."""
    settings = runtime.settings
    counted = {
        _key("guests", str(widget_id)): settings.guests_per_minute,
        _key("guests of", caller.network): settings.guests_per_minute_per_address if caller.network else 0,
    }
    costs = {key: MINUTE_MS // per_minute for key, per_minute in counted.items() if per_minute}
    if costs:
        runtime.database.write(lambda db: _take(db, costs))


def count(runtime: Runtime, caller: Caller, account: str | None = None) -> dict[bytes, int]:
    """One attempt, at an account or at none: what it cost (ms, by key). Raises TooManyRequests."""
    settings = runtime.settings
    # This machine is no address of somebody's: a proxy that does not say for whom it asks is everybody.
    everywhere = settings.logins_per_minute_per_address if caller.network else 0
    counted = {_key("address", caller.network): everywhere}
    if account is not None:
        counted[_key("account", caller.network, account)] = settings.logins_per_minute
    costs = {key: MINUTE_MS // per_minute for key, per_minute in counted.items() if per_minute}
    if costs:
        runtime.database.write(lambda db: _take(db, costs))
    return costs


def _take(db: Connection, costs: dict[bytes, int], room: int = MINUTE_MS) -> None:
    """Each minute (or more) has room for what costs as much together."""
    now = store.server.now(db)
    store.attempts.forget(db, now)
    waits = [store.attempts.full_at(db, key, now) + cost - now - room for key, cost in costs.items()]
    if max(waits) > 0:
        raise TooManyRequests("Too many attempts; wait a while.", ceil(max(waits) / 1000))
    for key, cost in costs.items():
        store.attempts.add(db, key, cost, now)


def _key(*parts: str) -> bytes:
    """What is stored of it: no list of who tries to sign in, and of what they type."""
    return sha256("\0".join(parts).encode(errors="surrogatepass")).digest()
