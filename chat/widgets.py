"""Widgets: what websites show of this one, each with a public key, and the origins that may show it.

The key is no secret: it only says which site a guest comes from. Who may frame it is the widget's own affair,
so that one site is let in, or out, without touching another.
"""

import re
import secrets
from collections.abc import Iterable

from chat import accounts, audit, store, texts
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import InvalidParameter, NotFound, TooMany, existing
from chat.live import topics
from chat.runtime import Runtime
from chat.store.rows import WidgetRow

LABEL_CHARACTERS = 100
# As browsers write one, and as `frame-ancestors` and `Origin` have it.
ORIGIN = re.compile(r"https?://([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
MOST_ORIGINS = 20
# That are not revoked.
MOST = 200


def listed(runtime: Runtime, actor: User | None) -> list[WidgetRow]:
    """All, the newest first; raises Forbidden."""
    audit.only_administrators(actor)
    return runtime.database.read(store.widgets.listed)


def read(runtime: Runtime, actor: User | None, widget_id: int) -> WidgetRow:
    """One; raises Forbidden, NotFound."""
    audit.only_administrators(actor)
    return runtime.database.read(lambda db: existing(store.widgets.by_id(db, widget_id)))


def find(runtime: Runtime, key: str) -> WidgetRow:
    """The one with this key; raises NotFound where there is none, or it is revoked."""
    return runtime.database.read(lambda db: existing(store.widgets.by_key(db, key)))


def add(runtime: Runtime, actor: User | None, label: str, origins: Iterable[str]) -> WidgetRow:
    """A new one for these origins; raises Forbidden, InvalidParameter, TooMany."""
    audit.only_administrators(actor)
    checked, allowed = texts.checked(label, "label", LABEL_CHARACTERS), _origins(origins)

    def write(db: Connection) -> WidgetRow:
        if sum(each["revoked_at"] is None for each in store.widgets.listed(db)) >= MOST:
            raise TooMany(f"{MOST} widgets.")
        key = secrets.token_urlsafe(12)
        widget_id = store.widgets.insert(db, key, checked, allowed, store.server.now(db))
        audit.note(db, actor, "widget_added", detail=str(widget_id))
        return existing(store.widgets.by_id(db, widget_id))

    return runtime.database.write(write)


def change(runtime: Runtime, actor: User | None, widget_id: int, label: str, origins: Iterable[str]) -> None:
    """From now on it is called so, and these may show it; raises Forbidden, NotFound, InvalidParameter."""
    audit.only_administrators(actor)
    checked, allowed = texts.checked(label, "label", LABEL_CHARACTERS), _origins(origins)

    def write(db: Connection) -> None:
        before = _valid(db, widget_id)
        if (before["label"], before["origins"]) != (checked, allowed):
            store.widgets.update(db, widget_id, label=checked, origins=allowed)
            audit.note(db, actor, "widget_changed", detail=str(widget_id))

    runtime.database.write(write)


def revoke(runtime: Runtime, actor: User | None, widget_id: int) -> None:
    """It is shown nowhere any more, and its guests are signed out; raises Forbidden, NotFound."""
    audit.only_administrators(actor)

    def write(db: Connection) -> tuple[list[bytes], int]:
        _valid(db, widget_id)
        head, now = store.revision.advance(db), store.server.now(db)
        store.widgets.update(db, widget_id, revoked_at=now)
        audit.note(db, actor, "widget_revoked", detail=str(widget_id))
        return store.widgets.end_sign_ins(db, widget_id, now, head), head

    ended, head = runtime.database.write(write)
    runtime.hub.publish([topics.of_sign_in(each) for each in ended], head)


def insert_guest(db: Connection, widget_id: int, name: str) -> int:
    """The id of a new client, whom no password signs in and no mail reaches."""
    user_id = accounts.insert_user(db, "client", name, f"guest-{secrets.token_hex(16)}", accounts.NO_PASSWORD)
    store.users.update(db, user_id, email=f"guest-{user_id}", widget_id=widget_id, is_mailed=0)
    return user_id


def _valid(db: Connection, widget_id: int) -> WidgetRow:
    row = existing(store.widgets.by_id(db, widget_id))
    if row["revoked_at"] is not None:
        raise NotFound
    return row


def _origins(given: Iterable[str]) -> str:
    """As they are stored, each once; raises InvalidParameter."""
    origins = list(dict.fromkeys(each.strip().lower().rstrip("/") for each in given if each.strip()))
    wrong = [each for each in origins if not ORIGIN.fullmatch(each)]
    if wrong or not 1 <= len(origins) <= MOST_ORIGINS:
        found = f"; {wrong[0]!r} is none" if wrong else ""
        raise InvalidParameter(
            f"origins must be 1 to {MOST_ORIGINS} like https://www.example.org, without a path{found}",
            field="origins",
        )
    return " ".join(origins)
