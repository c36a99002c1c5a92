"""People, as an administrator sees to them; invitations, and the set-up of the first administrator."""

import secrets
from collections.abc import Callable
from typing import Any

from chat import accounts
from chat.accounts import DAY_MS, User, hash_token
from chat.database import Connection, Row
from chat.engine import Engine
from chat.errors import Forbidden, InvalidParameter, NotFound
from chat.sessions import found
from chat.store import links, server, users

LINK_DAYS = 7


def search(
    engine: Engine, actor: User, text: str, role: str | None, before_id: int, limit: int
) -> tuple[list[Row], bool]:
    """The newest people with lower ids whose name or email contains the text; and whether there are more."""
    _only_admin(actor)
    rows = engine.database.read(lambda db: users.search(db, text, role, before_id, limit + 1))
    return rows[:limit], len(rows) > limit


def read(engine: Engine, actor: User, user_id: int) -> Row:
    """Their row; raises NotFound."""
    _only_admin(actor)
    return engine.database.read(lambda db: found(users.by_id(db, user_id)))


def create(engine: Engine, actor: User, role: str, name: str, email: str, rate_cents: int) -> tuple[int, str]:
    """Somebody new, who chooses a password by the link: (their id, the link's token)."""
    _only_admin(actor)
    checked = accounts.checked_name(name), accounts.checked_email(email)
    user_id = engine.database.write(
        lambda db: accounts.insert_user(db, role, *checked, accounts.NO_PASSWORD, rate_cents)
    )
    return user_id, reset(engine, actor, user_id)


def change(
    engine: Engine, actor: User, user_id: int, name: str, headline: str, rate_cents: int | None
) -> None:
    """Their name, and what concerns an agent; raises NotFound, InvalidParameter."""
    _only_admin(actor)
    changed: dict[str, Any] = {"name": accounts.checked_name(name)}
    if len(headline.strip()) > 200:
        raise InvalidParameter("headline must have at most 200 characters", field="headline")

    def store(db: Connection) -> None:
        if found(users.by_id(db, user_id))["role"] == "agent":
            changed["headline"] = headline.strip()
            if rate_cents is not None:
                changed["rate_cents"] = rate_cents
        users.update(db, user_id, **changed)

    engine.database.write(store)


def disable(engine: Engine, actor: User, user_id: int) -> None:
    """They cannot sign in, are signed out at once, and take no requests; what is open goes its way."""
    _only_admin(actor)
    if user_id == actor.id:
        raise Forbidden("You cannot disable yourself.")

    def store(db: Connection) -> tuple[list[str], int]:
        found(users.by_id(db, user_id))
        users.update(db, user_id, disabled_at=server.now(db), is_available=0)
        links.drop_of_user(db, user_id)
        return accounts.end_sign_ins(db, user_id)

    engine.hub.publish(*engine.database.write(store))


def enable(engine: Engine, actor: User, user_id: int) -> None:
    """They can sign in again; raises NotFound."""
    _only_admin(actor)

    def store(db: Connection) -> None:
        found(users.by_id(db, user_id))
        users.update(db, user_id, disabled_at=None)

    engine.database.write(store)


def reset(engine: Engine, actor: User, user_id: int) -> str:
    """The token of a link to choose a new password; the old one works until then."""
    _only_admin(actor)

    def store(db: Connection, token: str) -> None:
        found(users.by_id(db, user_id))
        links.drop_of_user(db, user_id)
        _insert_link(db, token, None, user_id, actor)

    return _with_token(engine, store)


def invite(engine: Engine, actor: User, role: str) -> str:
    """The token of a link by which somebody signs up, once, as a client or an agent."""
    _only_admin(actor)
    return _with_token(engine, lambda db, token: _insert_link(db, token, role, None, actor))


def link(engine: Engine, token: str) -> Row:
    """What a link is for: a `role`, or a user by `name` and `email`; raises NotFound."""
    return engine.database.read(lambda db: _link(db, token))


def follow_link(engine: Engine, token: str, name: str, email: str, password_hash: str) -> str:
    """Sign up, or choose the new password; returns the email.

    Raises NotFound, InvalidParameter, EmailTaken.
    """

    def store(db: Connection) -> tuple[str, tuple[list[str], int] | None]:
        row = _link(db, token)
        links.use(db, row["id"], server.now(db))
        if row["user_id"] is None:
            checked = accounts.checked_name(name), accounts.checked_email(email)
            accounts.insert_user(db, row["role"], *checked, password_hash)
            return checked[1], None
        users.set_password_hash(db, row["user_id"], password_hash)
        return row["email"], accounts.end_sign_ins(db, row["user_id"])

    email, ended = engine.database.write(store)
    if ended:
        engine.hub.publish(*ended)
    return email


def set_up(engine: Engine, code: str, name: str, email: str, password_hash: str) -> None:
    """Create the first administrator, once; raises Forbidden, InvalidParameter, EmailTaken."""
    checked = accounts.checked_name(name), accounts.checked_email(email)

    def store(db: Connection) -> None:
        expected = setup_code(db)
        if expected is None:
            raise NotFound
        if not secrets.compare_digest(expected.encode(), code.strip().encode()):
            raise InvalidParameter("code is not the one in the server's log", field="code")
        accounts.insert_user(db, "admin", *checked, password_hash)

    engine.database.write(store)


def is_anybody_there(db: Connection) -> bool:
    """Whether there is anybody yet."""
    return users.count(db) > 0


def own(engine: Engine, user: User) -> Row:
    """The user's own row."""
    return engine.database.read(lambda db: found(users.by_id(db, user.id)))


def setup_code(db: Connection) -> str | None:
    """What the first administrator must know; None when there is one already."""
    return None if users.has_admin(db) else server.setup_code(db)


def _with_token(engine: Engine, store: Callable[[Connection, str], None]) -> str:
    token = secrets.token_urlsafe(24)
    engine.database.write(lambda db: store(db, token))
    return token


def _insert_link(db: Connection, token: str, role: str | None, user_id: int | None, actor: User) -> None:
    now = server.now(db)
    links.insert(db, hash_token(token), role, user_id, actor.id, now, now + LINK_DAYS * DAY_MS)


def _link(db: Connection, token: str) -> Row:
    return found(links.unused(db, hash_token(token), server.now(db)))


def _only_admin(actor: User) -> None:
    if actor.role != "admin":
        raise Forbidden("Only an administrator may do this.")
