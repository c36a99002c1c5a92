"""People, their passwords and their sign-in tokens."""

import hashlib
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from chat import topics
from chat.database import Connection, Database
from chat.errors import InvalidCredentials, InvalidParameter, NotAuthenticated
from chat.hub import Hub
from chat.native import NativeThreads
from chat.store import revision, server, tokens, users

DAY_MS = 86_400_000
ROLES = ("client", "agent", "admin")

# OWASP's second choice for Argon2id: 19 MiB, two passes; 20 ms on a small server.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Verified when there is no such account, so that the answer takes as long.
_NO_ACCOUNT = _hasher.hash(secrets.token_hex())


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in, and with which token."""

    id: int
    role: str
    name: str
    token_hash: bytes

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
    return User(row["id"], row["role"], row["name"], token_hash)


def create_user(
    database: Database, role: str, name: str, email: str, password: str, rate_cents: int = 0
) -> int:
    """The new user's id; raises InvalidParameter."""
    if role not in ROLES:
        raise InvalidParameter(f"role is {role!r}; it must be one of {', '.join(ROLES)}")
    if not 1 <= len(name.strip()) <= 100:
        raise InvalidParameter("name must have 1 to 100 characters")
    if email.count("@") != 1 or not 3 <= len(email) <= 254 or any(map(str.isspace, email)):
        raise InvalidParameter(f"email is {email!r}; it must look like name@example.org")
    if not 8 <= len(password) <= 1000:
        raise InvalidParameter("password must have 8 to 1000 characters")
    password_hash = hash_password(password)
    user_id = database.write(
        lambda db: users.insert(
            db, role, name.strip(), email.lower(), password_hash, rate_cents, server.now(db)
        )
    )
    if not user_id:
        raise InvalidParameter(f"email {email!r} is taken")
    return user_id


def hash_password(password: str) -> str:
    """Argon2id, with its own salt and parameters in it."""
    return _hasher.hash(password)


def log_in(
    database: Database, threads: NativeThreads, email: str, password: str, days: int
) -> tuple[str, User]:
    """A new token and its user; raises InvalidCredentials.

    An unknown email costs as much time, and gives the same error, as a wrong password.
    """
    row = database.read(lambda db: users.by_email(db, email.lower()))
    password_hash = row["password_hash"] if row else _NO_ACCOUNT
    if not threads.call(lambda: _verify(password_hash, password)) or row is None:
        raise InvalidCredentials
    token = issue_token(database, row["id"], days)
    return token, User(row["id"], row["role"], row["name"], hash_token(token))


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


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
