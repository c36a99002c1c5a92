"""People, as an administrator sees to them; invitations, and the set-up of the first administrator."""

import secrets
from collections.abc import Callable
from typing import TypeVar

from chat import accounts, audit, sign_ins, store, texts, totp
from chat.accounts import DAY_MS, User, hash_token
from chat.attempts import count
from chat.database.connection import Connection
from chat.errors import EmailTaken, InvalidParameter, NotFound, PersonErased, existing
from chat.live.hub import Caller
from chat.mail import links
from chat.money import Cents
from chat.runtime import Runtime
from chat.store.rows import LinkRow, UserRow

LINK_DAYS = 7
T = TypeVar("T")


def search(
    runtime: Runtime, actor: User, text: str, role: str | None, before_id: int, limit: int
) -> tuple[list[UserRow], bool]:
    """The newest people with lower ids whose name or email contains the text; and whether there are more."""
    audit.only_administrators(actor)
    rows = runtime.database.read(lambda db: store.users.search(db, text, role, before_id, limit + 1))
    return rows[:limit], len(rows) > limit


def read(runtime: Runtime, actor: User, user_id: int) -> UserRow:
    """Somebody's row, for an administrator; raises NotFound."""
    audit.only_administrators(actor)
    return runtime.database.read(lambda db: existing(store.users.by_id(db, user_id)))


def create(
    runtime: Runtime,
    actor: User | None,
    role: str,
    name: str,
    email: str,
    rate_cents: int,
    mail_in: str | None = None,
) -> tuple[int, str]:
    """Somebody new, who chooses a password by the link: (their id, the link's token).

    With `mail_in` a language, another link is sent to them instead, and the token is of none.
    """
    audit.only_administrators(actor)
    checked = texts.name(name), accounts.checked_email(email)

    def write(db: Connection, token: str) -> int:
        user_id = accounts.insert_user(db, role, *checked, accounts.NO_PASSWORD, rate_cents)
        audit.note(db, actor, "user_created", user_id, detail=role)
        if mail_in:
            links.put(db, checked[1], user_id, actor, mail_in)
        else:
            _insert_link(db, token, None, user_id, actor)
        return user_id

    return _with_token(runtime, write)


def change(
    runtime: Runtime,
    actor: User | None,
    user_id: int,
    name: str,
    headline: str,
    rate_cents: int | None,
    share_percent: int | None,
) -> None:
    """Their name, and what concerns an agent; without a share it is the setting's.

    Raises NotFound, InvalidParameter.
    """
    audit.only_administrators(actor)
    changed: dict[str, object] = {"name": texts.name(name)}
    checked_headline = texts.checked(headline, "headline", 200, shortest=0)

    def write(db: Connection) -> None:
        before = _person(db, user_id)
        if before["role"] == "agent":
            changed["headline"] = checked_headline
            set_share(db, actor, before, share_percent)
            if rate_cents is not None:
                set_rate(db, actor, before, rate_cents)
        store.users.update(db, user_id, **changed)
        if any(before[name] != value for name, value in changed.items()):  # type: ignore[literal-required]
            audit.note(db, actor, "user_changed", user_id)

    runtime.database.write(write)


def set_rate(db: Connection, actor: User | None, agent: UserRow, cents: int) -> None:
    """What a minute costs from the next session on."""
    if cents != agent["rate_cents"]:
        store.users.set_rate(db, agent["id"], cents)
        detail = f"{Cents(agent['rate_cents'])} → {Cents(cents)}"
        audit.note(db, actor, "rate_changed", agent["id"], detail=detail)


def set_share(db: Connection, actor: User | None, agent: UserRow, percent: int | None) -> None:
    """What of their sessions' price they earn, for clocks that start from now on; None is the setting's."""
    if percent != agent["share_percent"]:
        store.users.update(db, agent["id"], share_percent=percent)
        shown = ["" if each is None else f"{each} %" for each in (agent["share_percent"], percent)]
        audit.note(db, actor, "share_changed", agent["id"], detail=" → ".join(shown).strip())


def disable(runtime: Runtime, actor: User | None, user_id: int) -> None:
    """They cannot sign in, are signed out at once, and take no requests; what is open goes its way."""
    audit.only_for_another(actor, user_id)

    def write(db: Connection) -> tuple[list[str], int]:
        existing(store.users.by_id(db, user_id))
        store.users.update(db, user_id, disabled_at=store.server.now(db), is_available=0)
        audit.note(db, actor, "disabled", user_id)
        store.links.drop_of_user(db, user_id)
        return sign_ins.end(db, user_id)

    runtime.hub.publish(*runtime.database.write(write))


def sign_out(runtime: Runtime, actor: User | None, user_id: int) -> int:
    """End all of somebody's sign-ins at once; how many there were."""
    audit.only_for_another(actor, user_id)

    def write(db: Connection) -> tuple[list[str], int]:
        existing(store.users.by_id(db, user_id))
        audit.note(db, actor, "signed_out", user_id)
        return sign_ins.end(db, user_id)

    ended, head = runtime.database.write(write)
    runtime.hub.publish(ended, head)
    return len(ended)


def enable(runtime: Runtime, actor: User | None, user_id: int) -> None:
    """They can sign in again; raises NotFound."""
    audit.only_administrators(actor)

    def write(db: Connection) -> None:
        _person(db, user_id)
        store.users.update(db, user_id, disabled_at=None)
        audit.note(db, actor, "enabled", user_id)

    runtime.database.write(write)


def reset_second_step(runtime: Runtime, actor: User, user_id: int) -> None:
    """Whoever lost their device signs in without a code, or sets it up anew where it is a must."""
    audit.only_for_another(actor, user_id)
    totp.reset(runtime, actor, user_id)


def reset(runtime: Runtime, actor: User | None, user_id: int) -> str:
    """The token of a link to choose a new password; the old one works until then."""
    audit.only_for_another(actor, user_id)

    def write(db: Connection, token: str) -> None:
        _person(db, user_id)
        store.links.drop_of_user(db, user_id)
        _insert_link(db, token, None, user_id, actor)
        audit.note(db, actor, "password_link", user_id)

    return _with_token(runtime, write)[1]


def invite(runtime: Runtime, actor: User | None, role: str) -> str:
    """The token of a link by which somebody signs up, once, as a client or an agent."""
    audit.only_administrators(actor)

    def write(db: Connection, token: str) -> None:
        _insert_link(db, token, role, None, actor)
        audit.note(db, actor, "invited", detail=role)

    return _with_token(runtime, write)[1]


def link(runtime: Runtime, token: str) -> LinkRow:
    """What a link is for: a `role`, or a user by `name` and `email`; raises NotFound."""
    return runtime.database.read(lambda db: _link(db, token))


def follow_link(runtime: Runtime, token: str, name: str, email: str, password: str, caller: Caller) -> str:
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
        if user["widget_id"] is not None and row["mailed_to"]:
            user = _keep_guest(db, user, row["mailed_to"])
        store.users.set_password_hash(db, user["id"], password_hash)
        store.links.drop_of_user(db, user["id"])
        audit.note(db, audit.Person(user, caller), "password_changed", user["id"])
        return user["email"], sign_ins.end(db, user["id"])

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
            raise InvalidParameter("code is not the one that `tete-a-tete set-up` prints", field="code")
        user_id = accounts.insert_user(db, "admin", *checked, password_hash)
        audit.note(db, User(user_id, "admin", name, b"", None, caller.network), "user_created", user_id)

    runtime.database.write(write)


def own(runtime: Runtime, user: User) -> UserRow:
    """The user's own row."""
    return runtime.database.read(lambda db: existing(store.users.by_id(db, user.id)))


def recovery_codes(runtime: Runtime, user: User) -> int:
    """How many the user has left."""
    return runtime.database.read(lambda db: store.second_steps.count_recovery_codes(db, user.id))


def _keep_guest(db: Connection, guest: UserRow, email: str) -> UserRow:
    """A guest has an account, with the email that the link was sent to; raises EmailTaken."""
    if store.users.by_email(db, email):
        raise EmailTaken(f"{email} is taken.", field="email")
    store.users.update(db, guest["id"], email=email, widget_id=None, is_mailed=1)
    return {**guest, "email": email, "widget_id": None}


def _person(db: Connection, user_id: int) -> UserRow:
    """Raises NotFound, PersonErased."""
    row = existing(store.users.by_id(db, user_id))
    if row["erased_at"] is not None:
        raise PersonErased
    return row


def _with_token(runtime: Runtime, write: Callable[[Connection, str], T]) -> tuple[T, str]:
    token = secrets.token_urlsafe(24)
    return runtime.database.write(lambda db: write(db, token)), token


def _insert_link(
    db: Connection, token: str, role: str | None, user_id: int | None, actor: User | None
) -> None:
    now, by = store.server.now(db), actor.id if actor else None
    store.links.insert(db, hash_token(token), role, user_id, by, now, now + LINK_DAYS * DAY_MS)


def _link(db: Connection, token: str) -> LinkRow:
    return existing(store.links.unused(db, hash_token(token), store.server.now(db)))
