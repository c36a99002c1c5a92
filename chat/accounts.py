"""People, their passwords and their sign-in tokens."""

import hashlib
import re
import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from chat import audit, sign_ins, store, texts, totp
from chat.attempts import attempt, count
from chat.database.connection import Connection
from chat.errors import (
    CodeNeeded,
    EmailTaken,
    Forbidden,
    InvalidCredentials,
    InvalidParameter,
    NotAuthenticated,
    SecondStepRequired,
    existing,
)
from chat.live import topics
from chat.live.hub import Caller
from chat.runtime import Runtime
from chat.store.rows import UserRow

DAY_MS = 86_400_000
ROLES = ("client", "agent", "admin")
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")

# OWASP's second choice for Argon2id: 19 MiB, two passes; 20 ms on a small server.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Nobody signs in with it.
NO_PASSWORD = ""
# Of a random password that was not kept, made by this hasher: verified when there is no such account or
# password, so that the answer takes as long.
_NO_ACCOUNT = (
    "$argon2id$v=19$m=19456,t=2,p=1$hB8mztV2ti6L4vJknWjgoQ$i58lFtLn5kfmF5TuKwbfloKEphLGrXd2j8VnphL7WGc"
)


@dataclass(frozen=True, slots=True)
class User:
    """Who is signed in, with which token, and from which address (`limits.network`) as far as it is known.

    With an API token it is a program of theirs.
    """

    id: int
    role: str
    name: str
    token_hash: bytes
    language: str | None = None
    address: str = ""
    is_program: bool = False


def hash_token(token: str) -> bytes:
    """What is stored of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def authenticate(db: Connection, *token_hashes: bytes, is_browser: bool = False) -> User:
    """The user of the first token that is valid; raises NotAuthenticated.

    In a cookie of a browser an API token is none.
    """
    for token_hash in token_hashes:
        row = store.tokens.user_of(db, token_hash)
        if row and not (is_browser and row["label"]):
            is_program = row["label"] is not None
            return User(
                row["id"], row["role"], row["name"], token_hash, row["language"], is_program=is_program
            )
    raise NotAuthenticated


def check(runtime: Runtime, user: User) -> None:
    """Raises NotAuthenticated where the sign-in has ended since."""
    runtime.database.read(lambda db: authenticate(db, user.token_hash))


def create_user(
    runtime: Runtime, role: str, name: str, email: str, password: str, rate_cents: int = 0
) -> int:
    """The new user's id, at the server's console; raises InvalidParameter, EmailTaken, Overloaded."""
    if role not in ROLES:
        raise InvalidParameter(f"role is {role!r}; it must be one of {', '.join(ROLES)}", field="role")
    checked = texts.name(name), checked_email(email), hash_password(runtime, password)

    def write(db: Connection) -> int:
        user_id = insert_user(db, role, *checked, rate_cents)
        audit.note(db, None, "user_created", user_id, detail=role)
        return user_id

    return runtime.database.write(write)


def sign_up(runtime: Runtime, name: str, email: str, password: str, caller: Caller) -> int:
    """The id of a client who comes by themselves; raises as `create_user`, and TooManyRequests."""
    count(runtime, caller)
    checked = texts.name(name), checked_email(email), hash_password(runtime, password)
    return runtime.database.write(lambda db: insert_user(db, "client", *checked))


def insert_user(
    db: Connection, role: str, name: str, email: str, password_hash: str, rate_cents: int = 0
) -> int:
    """The new user's id; raises EmailTaken."""
    user_id = store.users.insert(db, role, name, email, password_hash, rate_cents, store.server.now(db))
    if not user_id:
        raise EmailTaken(f"{email} is taken.", field="email")
    return user_id


def checked_email(text: str) -> str:
    """The email as it is stored; raises InvalidParameter."""
    email = texts.email(text)
    is_one = EMAIL.fullmatch(email) and len(email) <= 254 and email.isprintable()
    if not is_one or any(map(texts.is_blank, email)):
        raise InvalidParameter(f"email is {email!r}; it must look like name@example.org", field="email")
    return email


def hash_password(runtime: Runtime, password: str) -> str:
    """Argon2id, with its own salt and parameters in it; others are served meanwhile.

    Raises InvalidParameter, and Overloaded when too many wait for theirs.
    """
    normal, *_ = texts.spellings(password)
    if not 8 <= len(normal) <= 1000:
        raise InvalidParameter("password must have 8 to 1000 characters", field="password")
    password_hash: str = runtime.hashing.call(lambda: _hasher.hash(normal))
    return password_hash


def log_in(
    runtime: Runtime, email: str, password: str, caller: Caller, code: str | None = None
) -> tuple[str, User]:
    """A new token and its user; raises as `check_password`, CodeNeeded, CodeWrong, SecondStepRequired."""
    row = check_password(runtime, email, password, caller)
    if row["totp_key"] is None:
        if totp.is_required(runtime.settings, row["role"]):
            raise SecondStepRequired
    elif code is None:
        raise CodeNeeded
    else:
        totp.check(runtime, row, code, caller)
    return let_in(runtime, row, caller)


def check_password(runtime: Runtime, email: str, password: str, caller: Caller) -> UserRow:
    """Whose it is; raises InvalidCredentials, TooManyRequests, Overloaded.

    An unknown email costs as much time, and gives the same error, as a wrong password.
    """
    email = texts.email(email)
    with attempt(runtime, caller, email):
        row = runtime.database.read(lambda db: store.users.by_email(db, email))
        is_right = _is_password(runtime, (row and row["password_hash"]) or _NO_ACCOUNT, password)
        if not is_right or row is None or row["disabled_at"]:
            raise InvalidCredentials
    return row


def check_own_password(runtime: Runtime, user: User, password: str, caller: Caller) -> UserRow:
    """What a stolen sign-in does not know; raises as `check_password`."""
    row = runtime.database.read(lambda db: existing(store.users.by_id(db, user.id)))
    return check_password(runtime, row["email"], password, caller)


def take_second_step(runtime: Runtime, token: str, code: str, caller: Caller) -> tuple[str, User, list[str]]:
    """A new token and its user, whose password was right before; and recovery codes if it was set up now.

    Raises FormExpired, CodeWrong, TooManyRequests.
    """
    row, key = totp.begun(runtime, token)
    codes = totp.set_up(runtime, row, key, code, caller) if key else []
    if not key:
        totp.check(runtime, row, code, caller)
    return *let_in(runtime, row, caller), codes


def turn_off_second_step(runtime: Runtime, user: User, password: str, code: str, caller: Caller) -> None:
    """With both; raises Forbidden where it is a must, InvalidCredentials, CodeWrong, TooManyRequests."""
    if totp.is_required(runtime.settings, user.role):
        raise Forbidden("Whoever runs this server wants it.")
    row = check_own_password(runtime, user, password, caller)
    totp.turn_off(runtime, row, code, caller)


def let_in(runtime: Runtime, row: UserRow, caller: Caller) -> tuple[str, User]:
    """A new token and its user, who has shown who they are."""

    def write(db: Connection) -> tuple[str, User]:
        token = insert_token(db, row["id"], runtime.settings.token_days)
        user = User(row["id"], row["role"], row["name"], hash_token(token), row["language"], caller.network)
        audit.note(db, user, "signed_in", user.id)
        return token, user

    return runtime.database.write(write)


def issue_token(runtime: Runtime, user_id: int) -> str:
    """A new token at the server's console, valid for as many days as the setting says."""

    def write(db: Connection) -> str:
        audit.note(db, None, "token_made", user_id)
        return insert_token(db, user_id, runtime.settings.token_days)

    return runtime.database.write(write)


def insert_token(db: Connection, user_id: int, days: int, label: str | None = None) -> str:
    """A new token of 256 random bits, of which the database keeps the hash; with a label an API token."""
    token, now = secrets.token_urlsafe(32), store.server.now(db)
    store.tokens.insert(db, user_id, hash_token(token), now, now + days * DAY_MS, label)
    return token


def log_out(runtime: Runtime, *token_hashes: bytes) -> None:
    """Revoke the tokens and let the polls held with them go; not an error when it is none.

    An agent who is signed in nowhere any more takes no requests.
    """

    def revoke(db: Connection) -> tuple[list[bytes], int]:
        head, now = store.revision.advance(db), store.server.now(db)
        revoked = [each for each in token_hashes if store.tokens.revoke(db, each, now, head)]
        for each in revoked:
            store.users.leave(db, each, now)
        return revoked, head

    revoked, head = runtime.database.write(revoke)
    if revoked:
        runtime.hub.publish([topics.of_sign_in(each) for each in revoked], head)


def change_password(
    runtime: Runtime, user: User, old: str, new: str, caller: Caller, with_api_tokens: bool = False
) -> None:
    """Replace it, and end all other sign-ins, and API tokens if that is wanted.

    Raises InvalidCredentials, InvalidParameter, TooManyRequests, Overloaded.
    """
    check_own_password(runtime, user, old, caller)
    password_hash = hash_password(runtime, new)

    def replace(db: Connection) -> tuple[list[str], int]:
        store.users.set_password_hash(db, user.id, password_hash)
        audit.note(db, user, "password_changed", user.id)
        return sign_ins.end(db, user.id, user.token_hash, with_api_tokens)

    runtime.hub.publish(*runtime.database.write(replace))


def change_profile(
    runtime: Runtime, user: User, name: str, language: str | None, headline: str | None
) -> None:
    """What users say of themselves; raises InvalidParameter."""
    changed: dict[str, object] = {"name": texts.name(name), "language": language}
    if user.role == "agent":
        changed["headline"] = texts.checked(headline or "", "headline", 200, shortest=0)

    def write(db: Connection) -> None:
        store.users.update(db, user.id, **changed)
        audit.note(db, user, "user_changed", user.id)

    runtime.database.write(write)


def set_mailed(runtime: Runtime, user: User, is_mailed: bool) -> None:
    """Whether the user is told by mail; links that they ask for are sent all the same."""
    runtime.database.write(lambda db: store.users.update(db, user.id, is_mailed=int(is_mailed)))


def _is_password(runtime: Runtime, password_hash: str, password: str) -> bool:
    """Whether the hash is this password's; others are served meanwhile.

    Hashes from before passwords were normalised are of another of its spellings.
    """

    def verify(spelling: str) -> bool:
        try:
            return _hasher.verify(password_hash, spelling)
        except (VerifyMismatchError, InvalidHashError):
            return False

    is_right: bool = runtime.hashing.call(lambda: any(map(verify, texts.spellings(password))))
    return is_right
