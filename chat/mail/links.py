"""Links that go by mail: to choose a password, which people ask for themselves, and invitations.

The token is made when the mail is: the outbox has none, and the database its hash alone. Tried again, it is
another link, which takes the place of the one before.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from chat import accounts, audit, store
from chat.accounts import DAY_MS, User, hash_token
from chat.attempts import count, count_link
from chat.database.connection import Connection
from chat.errors import NotFound, existing
from chat.live.hub import HERE, Caller
from chat.mail import letters
from chat.mail.message import Letter
from chat.runtime import Runtime
from chat.settings import Settings

OWN_MS = 3_600_000
OTHERS_MS = 7 * DAY_MS
# What is asked for is done, or the mail server is away for long.
INVITED_UNTIL_MS = DAY_MS


def ask(runtime: Runtime, email: str, language: str, caller: Caller) -> None:
    """A link for whoever has this email, if anybody has: what is done here does not depend on it.

    Raises NotFound where there is no mail, InvalidParameter, TooManyRequests.
    """
    _only_with_mail(runtime)
    checked = accounts.checked_email(email)
    count(runtime, caller, checked)
    count_link(runtime, checked)
    runtime.database.write(lambda db: _put(db, checked, "password", OWN_MS, language=language))


def invite(runtime: Runtime, actor: User, role: str, email: str, language: str) -> None:
    """Send a link by which whoever has this email signs up, as a client or an agent.

    Raises Forbidden, NotFound where there is no mail, InvalidParameter.
    """
    audit.only_administrators(actor)
    _only_with_mail(runtime)
    checked = accounts.checked_email(email)

    def write(db: Connection) -> None:
        audit.note(db, actor, "invited", detail=role)
        _put(db, checked, "invitation", INVITED_UNTIL_MS, role=role, by=actor.id, language=language)

    runtime.database.write(write)


def send(runtime: Runtime, actor: User, user_id: int, language: str) -> None:
    """Send somebody a link to choose a password. Raises Forbidden, NotFound where there is no mail, too."""
    audit.only_for_another(actor, user_id)
    _only_with_mail(runtime)

    def write(db: Connection) -> None:
        email = accounts.checked_email(existing(store.users.by_id(db, user_id))["email"])
        audit.note(db, actor, "password_link", user_id)
        put(db, email, user_id, actor, language)

    runtime.database.write(write)


def put(db: Connection, email: str, user_id: int, actor: User | None, language: str) -> None:
    """The same within a write that notes it."""
    by = actor.id if actor else None
    _put(db, email, "invitation", INVITED_UNTIL_MS, user_id=user_id, by=by, language=language)


def put_keeping(db: Connection, email: str, guest_id: int, language: str) -> None:
    """A link by which a guest has an account from then on, whose email this is."""
    _put(db, email, "keeping", INVITED_UNTIL_MS, user_id=guest_id, by=guest_id, language=language)


def letter(db: Connection, settings: Settings, email: str, asked: Mapping[str, Any]) -> Letter | None:
    """A new link and the mail with it; None where nobody is to have one."""
    if asked["kind"] == "password":
        user = store.users.by_email(db, email)
    elif "user_id" in asked:
        user = store.users.by_id(db, asked["user_id"])
    else:
        token = _link(db, email, asked["role"], None, asked["by"], OTHERS_MS)
        return letters.invitation(settings, email, asked["language"], token, asked["role"])
    if user is None or user["disabled_at"]:
        return None
    if asked["kind"] == "keeping":
        if user["widget_id"] is None:
            return None
        token = _link(db, email, None, user["id"], user["id"], OTHERS_MS)
        return letters.keeping(settings, user, email, asked["language"], token)
    is_own, language = asked["kind"] == "password", user["language"] or asked["language"]
    by, lasts_ms = (user["id"], OWN_MS) if is_own else (asked["by"], OTHERS_MS)
    if is_own:
        audit.note(db, audit.Person(user, HERE), "password_link", user["id"])
    token = _link(db, email, None, user["id"], by, lasts_ms)
    return letters.password(settings, user, language, token, is_own)


def _link(
    db: Connection, email: str, role: str | None, user_id: int | None, by: int | None, lasts_ms: int
) -> str:
    token, now = secrets.token_urlsafe(24), store.server.now(db)
    store.links.drop_mailed(db, email, by)
    store.links.insert(db, hash_token(token), role, user_id, by, now, now + lasts_ms, email)
    return token


def _put(db: Connection, email: str, kind: str, lasts_ms: int, **more: object) -> None:
    now = store.server.now(db)
    payload = json.dumps({"kind": kind, "at": now, **more})
    store.outbox.put(db, "mail", email, kind, payload, now, now + lasts_ms)


def _only_with_mail(runtime: Runtime) -> None:
    if not runtime.settings.has_mail:
        raise NotFound
