"""The second step of a sign-in: a code of RFC 6238, or one of ten that were written down.

A code is good once. Wrong ones count by account over all addresses: only who knows the password gets there.
"""

import logging
import secrets
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

import pyotp

from chat import audit, clock, sign_ins, store
from chat.attempts import MINUTE_MS, attempt_code
from chat.database.connection import Connection
from chat.errors import CodeWrong, FormExpired, existing
from chat.live.hub import Caller
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import SecondStepRow, UserRow

log = logging.getLogger(__name__)

ISSUER = "Tête-à-tête"
STEP_MS = 30_000
# Codes of the step before and after are taken, too: clocks differ.
DRIFT = (0, -1, 1)
RECOVERY_CODES = 10
BEGUN_MINUTES = 10
REQUIRED = {"optional": (), "admins": ("admin",), "staff": ("admin", "agent")}
STAFF = REQUIRED["staff"]


def is_required(settings: Settings, role: str) -> bool:
    """Whether this role signs in with a code only."""
    return role in REQUIRED[settings.totp]


def begin(runtime: Runtime, user: UserRow) -> tuple[str, str | None]:
    """A token for the form that asks for the code, and the key if there is none yet: it is set up then."""
    token, key = secrets.token_urlsafe(32), None if user["totp_key"] else pyotp.random_base32()

    def write(db: Connection) -> None:
        now = store.server.now(db)
        until = now + BEGUN_MINUTES * MINUTE_MS
        store.second_steps.begin(db, _hash(token), user["id"], key, now, until)

    runtime.database.write(write)
    return token, key


def begun(runtime: Runtime, token: str) -> tuple[UserRow, str | None]:
    """Whose it is, and the key that is being set up; raises FormExpired when it was too long ago."""

    def read(db: Connection) -> tuple[UserRow, str | None]:
        row: SecondStepRow | None = store.second_steps.by_token(db, _hash(token), store.server.now(db))
        if row is None:
            raise FormExpired("That was too long ago.")
        user = existing(store.users.by_id(db, row["user_id"]))
        # It has been turned on or off meanwhile.
        if user["disabled_at"] or (row["totp_key"] is None) == (user["totp_key"] is None):
            raise FormExpired("The account has changed meanwhile.")
        return user, row["totp_key"]

    return runtime.database.read(read)


def check(runtime: Runtime, user: UserRow, code: str, caller: Caller) -> None:
    """The code is right, and was not used before; raises CodeWrong, TooManyRequests."""
    _attempt(runtime, user, caller, lambda db: _take(db, user, code))


def set_up(
    runtime: Runtime, user: UserRow, key: str, code: str, caller: Caller, but: bytes = b""
) -> list[str]:
    """From now on it is asked for: the recovery codes, which are told once. Raises as `check`.

    Sign-ins from before end, `but` the one that does it.
    """
    user, ended = {**user, "totp_key": key}, list[tuple[list[str], int]]()
    codes = ["-".join(secrets.token_hex(2) for _ in range(4)) for _ in range(RECOVERY_CODES)]

    def write(db: Connection) -> bool:
        if not _take(db, user, code):
            return False
        store.second_steps.replace(db, user["id"], key, [_hash(each) for each in codes])
        audit.note(db, audit.Person(user, caller), "totp_on", user["id"])
        ended.append(sign_ins.end(db, user["id"], but, with_api_tokens=False))
        return True

    _attempt(runtime, user, caller, write)
    runtime.hub.publish(*ended[-1])
    return codes


def turn_off(runtime: Runtime, user: UserRow, code: str, caller: Caller) -> None:
    """With a code; raises as `check`."""

    def write(db: Connection) -> bool:
        if not _take(db, user, code):
            return False
        store.second_steps.replace(db, user["id"], None)
        audit.note(db, audit.Person(user, caller), "totp_off", user["id"])
        return True

    _attempt(runtime, user, caller, write)


def reset(runtime: Runtime, actor: audit.Actor | None, user_id: int) -> None:
    """Whoever lost their device and codes signs in without; an administrator, or None at the console."""

    def write(db: Connection) -> None:
        existing(store.users.by_id(db, user_id))
        store.second_steps.replace(db, user_id, None)
        audit.note(db, actor, "totp_reset", user_id)

    runtime.database.write(write)


def address(user: UserRow, key: str) -> str:
    """What a QR code tells an authenticator."""
    return pyotp.TOTP(key).provisioning_uri(name=user["email"], issuer_name=ISSUER)


def _attempt(runtime: Runtime, user: UserRow, caller: Caller, take: Callable[[Connection], bool]) -> None:
    def write(db: Connection) -> bool:
        is_right = take(db)
        if is_right:
            store.second_steps.end(db, user["id"])
        else:
            audit.note(db, audit.Person(user, caller), "code_failed", user["id"])
        return is_right

    with attempt_code(runtime, user["id"], user["totp_key"] or ""):
        if not runtime.database.write(write):
            log.warning("A wrong code at the second step of user %s, from %r", user["id"], caller.network)
            raise CodeWrong


def _take(db: Connection, user: UserRow, code: str) -> bool:
    """Whether it is right, and the first time that it is used."""
    typed = "".join(code.split()).lower()
    now = clock.wall() // STEP_MS
    for step in (now + drift for drift in DRIFT):
        if _is_code(user["totp_key"] or "", step, typed):
            return store.second_steps.take_step(db, user["id"], step)
    return store.second_steps.take_recovery_code(db, user["id"], _hash(typed))


def _is_code(key: str, step: int, typed: str) -> bool:
    return compare_digest(pyotp.TOTP(key).generate_otp(step).encode(), typed.encode(errors="replace"))


def _hash(secret: str) -> bytes:
    return sha256(secret.encode(errors="replace")).digest()
