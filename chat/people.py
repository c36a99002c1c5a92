"""People, as an administrator sees to them; invitations, and the set-up of the first administrator."""

import secrets
from collections.abc import Callable

from chat import accounts, store, texts
from chat.accounts import DAY_MS, User, hash_token
from chat.attempts import count
from chat.database.connection import Connection
from chat.errors import Forbidden, InvalidParameter, NotFound, existing
from chat.live.hub import Caller
from chat.runtime import Runtime
from chat.store.rows import LinkRow, UserRow

LINK_DAYS = 7


def search(
    runtime: Runtime, actor: User, text: str, role: str | None, before_id: int, limit: int
) -> tuple[list[UserRow], bool]:
    """The newest people with lower ids whose name or email contains the text; and whether there are more."""
    _only_admin(actor)
    rows = runtime.database.read(lambda db: store.users.search(db, text, role, before_id, limit + 1))
    return rows[:limit], len(rows) > limit


def read(runtime: Runtime, actor: User, user_id: int) -> UserRow:
    """Somebody's row, for an administrator; raises NotFound."""
    _only_admin(actor)
    return runtime.database.read(lambda db: existing(store.users.by_id(db, user_id)))


def create(
    runtime: Runtime, actor: User, role: str, name: str, email: str, rate_cents: int
) -> tuple[int, str]:
    """Somebody new, who chooses a password by the link: (their id, the link's token)."""
    _only_admin(actor)
    checked = texts.name(name), accounts.checked_email(email)
    user_id = runtime.database.write(
        lambda db: accounts.insert_user(db, role, *checked, accounts.NO_PASSWORD, rate_cents)
    )
    return user_id, reset(runtime, actor, user_id)


def change(
    runtime: Runtime,
    actor: User,
    user_id: int,
    name: str,
    headline: str,
    rate_cents: int | None,
    share_percent: int | None,
) -> None:
    """Their name, and what concerns an agent; without a share it is the setting's.

    Raises NotFound, InvalidParameter.
    """
    _only_admin(actor)
    changed: dict[str, object] = {"name": texts.name(name)}
    checked_headline = texts.checked(headline, "headline", 200, shortest=0)

    def write(db: Connection) -> None:
        if existing(store.users.by_id(db, user_id))["role"] == "agent":
            changed.update(headline=checked_headline, share_percent=share_percent)
            if rate_cents is not None:
                changed["rate_cents"] = rate_cents
        store.users.update(db, user_id, **changed)

    runtime.database.write(write)


def disable(runtime: Runtime, actor: User, user_id: int) -> None:
    """They cannot sign in, are signed out at once, and take no requests; what is open goes its way."""
    _only_admin(actor)
    if user_id == actor.id:
        raise Forbidden("You cannot disable yourself.")

    def write(db: Connection) -> tuple[list[str], int]:
        existing(store.users.by_id(db, user_id))
        store.users.update(db, user_id, disabled_at=store.server.now(db), is_available=0)
        store.links.drop_of_user(db, user_id)
        return accounts.end_sign_ins(db, user_id)

    runtime.hub.publish(*runtime.database.write(write))


def enable(runtime: Runtime, actor: User, user_id: int) -> None:
    """They can sign in again; raises NotFound."""
    _only_admin(actor)

    def write(db: Connection) -> None:
        existing(store.users.by_id(db, user_id))
        store.users.update(db, user_id, disabled_at=None)

    runtime.database.write(write)


def reset(runtime: Runtime, actor: User, user_id: int) -> str:
    """The token of a link to choose a new password; the old one works until then."""
    _only_admin(actor)

    def write(db: Connection, token: str) -> None:
        existing(store.users.by_id(db, user_id))
        store.links.drop_of_user(db, user_id)
        _insert_link(db, token, None, user_id, actor)

    return _with_token(runtime, write)


def invite(runtime: Runtime, actor: User, role: str) -> str:
    """The token of a link by which somebody signs up, once, as a client or an agent."""
    _only_admin(actor)
    return _with_token(runtime, lambda db, token: _insert_link(db, token, role, None, actor))


def link(runtime: Runtime, token: str) -> LinkRow:
    """What a link is for: a `role`, or a user by `name` and `email`; raises NotFound."""
    return runtime.database.read(lambda db: _link(db, token))


def follow_link(runtime: Runtime, token: str, name: str, email: str, password: str) -> str:
    """Sign up, or choose the new password; returns the email.

    Raises NotFound, InvalidParameter, EmailTaken, Overloaded.
    """
    password_hash = accounts.hash_password(runtime, password)

    def write(db: Connection) -> tuple[str, tuple[list[str], int] | None]:
        row = _link(db, token)
        store.links.use(db, row["id"], store.server.now(db))
        if row["role"] is not None:
            checked = texts.name(name), accounts.checked_email(email)
            accounts.insert_user(db, row["role"], *checked, password_hash)
            return checked[1], None
        user = existing(store.users.by_id(db, existing(row["user_id"])))
        store.users.set_password_hash(db, user["id"], password_hash)
        return user["email"], accounts.end_sign_ins(db, user["id"])

    email, ended = runtime.database.write(write)
    if ended:
        runtime.hub.publish(*ended)
    return email


def set_up(runtime: Runtime, code: str, name: str, email: str, password: str, caller: Caller) -> None:
    """Create the first administrator, once.

    Raises NotFound, InvalidParameter, EmailTaken, TooManyRequests, Overloaded.
    """
    count(runtime, caller)
    password_hash = accounts.hash_password(runtime, password)
    checked = texts.name(name), accounts.checked_email(email)

    def write(db: Connection) -> None:
        expected = store.server.setup_code(db)
        if expected is None:
            raise NotFound
        if not secrets.compare_digest(expected.encode(), code.strip().encode()):
            raise InvalidParameter(
                "code is not the one that `flask --app app chat set-up` prints", field="code"
            )
        accounts.insert_user(db, "admin", *checked, password_hash)

    runtime.database.write(write)


def own(runtime: Runtime, user: User) -> UserRow:
    """The user's own row."""
    return runtime.database.read(lambda db: existing(store.users.by_id(db, user.id)))


def _with_token(runtime: Runtime, write: Callable[[Connection, str], None]) -> str:
    token = secrets.token_urlsafe(24)
    runtime.database.write(lambda db: write(db, token))
    return token


def _insert_link(db: Connection, token: str, role: str | None, user_id: int | None, actor: User) -> None:
    now = store.server.now(db)
    store.links.insert(db, hash_token(token), role, user_id, actor.id, now, now + LINK_DAYS * DAY_MS)


def _link(db: Connection, token: str) -> LinkRow:
    return existing(store.links.unused(db, hash_token(token), store.server.now(db)))


def _only_admin(actor: User) -> None:
    if actor.role != "admin":
        raise Forbidden("Only an administrator may do this.")
