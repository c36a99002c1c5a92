"""People, their passwords and their sign-in tokens."""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from chat import topics
from chat.database import Connection, Database
from chat.errors import EmailTaken, InvalidCredentials, InvalidParameter, NotAuthenticated, Overloaded
from chat.hub import Hub
from chat.native import NativeThreads, QueueFull
from chat.store import revision, server, tokens, users

DAY_MS = 86_400_000
ROLES = ("client", "agent", "admin")
# Line breaks too. What joins letters or turns their direction belongs to names.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

# OWASP's second choice for Argon2id: 19 MiB, two passes; 20 ms on a small server.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Nobody signs in with it.
NO_PASSWORD = ""
# Verified when there is no such account or password, so that the answer takes as long.
_NO_ACCOUNT = _hasher.hash(secrets.token_hex())


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in, and with which token."""

    id: int
    role: str
    name: str
    token_hash: bytes
    language: str | None = None

    @property
    def topic(self) -> str:
        """Where the end of this sign-in is published."""
        return topics.token(self.token_hash)


def hash_token(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def authenticate(db: Connection, token_hash: bytes) -> User:
    """The user of a valid token; raises NotAuthenticated."""
    row = tokens.user_of(db, token_hash)
    if row is None:
        raise NotAuthenticated
    return User(row["id"], row["role"], row["name"], token_hash, row["language"])


def create_user(
    database: Database, role: str, name: str, email: str, password: str, rate_cents: int = 0
) -> int:
    """The new user's id; raises InvalidParameter, EmailTaken."""
    if role not in ROLES:
        raise InvalidParameter(f"role is {role!r}; it must be one of {', '.join(ROLES)}", field="role")
    checked = checked_name(name), checked_email(email), hash_password(checked_password(password))
    return database.write(lambda db: insert_user(db, role, *checked, rate_cents))


def sign_up(database: Database, name: str, email: str, password_hash: str) -> int:
    """A new client's id; raises InvalidParameter, EmailTaken."""
    checked = checked_name(name), checked_email(email)
    return database.write(lambda db: insert_user(db, "client", *checked, password_hash))


def insert_user(
    db: Connection, role: str, name: str, email: str, password_hash: str, rate_cents: int = 0
) -> int:
    """The new user's id; raises EmailTaken."""
    user_id = users.insert(db, role, name, email, password_hash, rate_cents, server.now(db))
    if not user_id:
        raise EmailTaken(f"{email} is taken.", field="email")
    return user_id


def checked_name(name: str) -> str:
    """As it is stored; raises InvalidParameter."""
    if not 1 <= len(name.strip()) <= 100 or CONTROL.search(name.strip()):
        raise InvalidParameter("name must have 1 to 100 characters, all in one line", field="name")
    return name.strip()


def checked_email(email: str) -> str:
    """As it is stored; raises InvalidParameter."""
    email = email.strip().lower()
    if email.count("@") != 1 or not 3 <= len(email) <= 254 or " " in email or not email.isprintable():
        raise InvalidParameter(f"email is {email!r}; it must look like name@example.org", field="email")
    return email


def checked_password(password: str) -> str:
    """As it is; raises InvalidParameter."""
    if not 8 <= len(password) <= 1000:
        raise InvalidParameter("password must have 8 to 1000 characters", field="password")
    return password


def hash_password(password: str) -> str:
    """Argon2id, with its own salt and parameters in it."""
    return _hasher.hash(password)


def hash_on_thread(threads: NativeThreads, password: str) -> str:
    """The same of a new password, while others are served; raises InvalidParameter, Overloaded."""
    checked_password(password)
    password_hash: str = _on_thread(threads, lambda: hash_password(password))
    return password_hash


def log_in(
    database: Database, threads: NativeThreads, email: str, password: str, days: int
) -> tuple[str, User]:
    """A new token and its user; raises InvalidCredentials, Overloaded.

    An unknown email costs as much time, and gives the same error, as a wrong password.
    """
    row = database.read(lambda db: users.by_email(db, email.strip().lower()))
    password_hash = (row and row["password_hash"]) or _NO_ACCOUNT
    is_right = _on_thread(threads, lambda: _verify(password_hash, password))
    if not is_right or row is None or row["disabled_at"]:
        raise InvalidCredentials
    token = issue_token(database, row["id"], days)
    return token, User(row["id"], row["role"], row["name"], hash_token(token), row["language"])


def issue_token(database: Database, user_id: int, days: int) -> str:
    """A new token that is valid for `days`."""
    return database.write(lambda db: insert_token(db, user_id, days))


def insert_token(db: Connection, user_id: int, days: int) -> str:
    """A new token of 256 random bits, of which the database keeps the hash."""
    token, now = secrets.token_urlsafe(32), server.now(db)
    tokens.insert(db, user_id, hash_token(token), now, now + days * DAY_MS)
    return token


def log_out(database: Database, hub: Hub, token_hash: bytes) -> None:
    """Revoke the token and let the polls held with it go; not an error when it is none."""

    def revoke(db: Connection) -> int | None:
        head = revision.advance(db)
        return head if tokens.revoke(db, token_hash, server.now(db), head) else None

    if head := database.write(revoke):
        hub.publish([topics.token(token_hash)], head)


def change_password(
    database: Database, hub: Hub, threads: NativeThreads, user: User, old: str, new: str
) -> None:
    """Replace it, and end all other sign-ins; raises InvalidCredentials, InvalidParameter."""
    row = database.read(lambda db: users.by_id(db, user.id))
    if row is None or not _on_thread(threads, lambda: _verify(row["password_hash"], old)):
        raise InvalidCredentials
    password_hash = hash_on_thread(threads, new)

    def store(db: Connection) -> tuple[list[str], int]:
        users.set_password_hash(db, user.id, password_hash)
        return end_sign_ins(db, user.id, but=user.token_hash)

    hub.publish(*database.write(store))


def change_profile(
    database: Database, user: User, name: str, language: str | None, headline: str | None
) -> None:
    """What users say of themselves; raises InvalidParameter."""
    changed: dict[str, Any] = {"name": checked_name(name), "language": language}
    if user.role == "agent":
        if len(headline := (headline or "").strip()) > 200:
            raise InvalidParameter("headline must have at most 200 characters", field="headline")
        changed["headline"] = headline
    database.write(lambda db: users.update(db, user.id, **changed))


def end_sign_ins(db: Connection, user_id: int, but: bytes = b"") -> tuple[list[str], int]:
    """Revoke all of a user's tokens `but` one: the topics to publish after COMMIT, and the revision."""
    head = revision.advance(db)
    return [topics.token(each) for each in tokens.revoke_all(db, user_id, server.now(db), head, but)], head


def _on_thread(threads: NativeThreads, work: Callable[[], Any]) -> Any:
    try:
        return threads.call(work)
    except QueueFull:
        raise Overloaded from None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
