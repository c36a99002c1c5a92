"""All that is kept of one person, as one document: for themselves, or whole for who runs the server.

Its lists are iterators: what stands in them is read a page at a time, when it is told.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from chat import (
    attachments,
    audit,
    blocks,
    clock,
    earnings,
    missed,
    notes,
    payments,
    profiles,
    receipts,
    reports,
    store,
)
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import existing
from chat.money import Cents
from chat.runtime import Runtime
from chat.store.rows import Message, UserRow, ValidRow

PAGE = 100
# Above every id.
EVER = 2**62

Page = Callable[[Connection, int], Sequence[Any]]
Show = Callable[[Connection, Any], object]


def document(runtime: Runtime, user_id: int, is_whole: bool) -> dict[str, object]:
    """docs/api.md says what is in it; `is_whole` with what the person is not shown. Raises NotFound."""
    row, now = runtime.database.read(
        lambda db: (existing(store.users.by_id(db, user_id)), store.server.now(db))
    )
    reader = User(user_id, "admin" if is_whole else row["role"], row["name"], b"")
    return {
        "exported_at": clock.text(now),
        "is_whole": is_whole,
        "person": _person(row),
        "page": runtime.database.read(lambda db: _page(db, user_id)),
        **runtime.database.read(lambda db: _access(db, row, now)),
        "conversations": _conversations(runtime, row, reader),
        **_money(runtime, row),
        **_kept(runtime, row, reader, is_whole),
    }


def note(db: Connection, user_id: int) -> None:
    """Somebody at the server's console exports it."""
    audit.note(db, None, "exported", user_id)


def _person(row: UserRow) -> dict[str, object]:
    is_agent = row["role"] == "agent"
    return {
        **{name: row[name] for name in ("id", "role", "name", "email", "language", "headline")},
        "created_at": clock.text(row["created_at"]),
        "last_seen_at": clock.text(row["seen_at"]) if row["seen_at"] else None,
        "here_since": clock.text(row["here_since"]) if row["here_since"] else None,
        "is_disabled": row["disabled_at"] is not None,
        "has_second_step": row["totp_key"] is not None,
        "is_mailed": bool(row["is_mailed"]),
        "is_guest": row["widget_id"] is not None,
        "rate_per_minute": Cents(row["rate_cents"]) if is_agent else None,
        "balance": Cents(row["balance_cents"]) if row["role"] == "client" else None,
    }


def _page(db: Connection, user_id: int) -> dict[str, object] | None:
    """What an agent says on theirs; the picture as a data: URL, which any browser shows."""
    said, picture = store.profiles.of_agent(db, user_id), store.portraits.of_user(db, user_id)
    if said is None and picture is None:
        return None
    return {
        "languages": (said["languages"] or "").split() if said else [],
        "time_zone": said["time_zone"] or None if said else None,
        "hours": profiles.week_of(said) if said else {},
        "special_days": profiles.special_days_of(said) if said else [],
        "holidays": said["holidays"] or None if said else None,
        "picture": f"data:image/webp;base64,{b64encode(picture).decode()}" if picture else None,
    }


def _access(db: Connection, row: UserRow, now: int) -> dict[str, object]:
    """How they get in, and what tells them of news; no secret of it."""
    return {
        "sign_ins": [_term(each) for each in store.tokens.valid_of(db, row["id"], now)],
        "api_tokens": [
            {
                "label": each["label"],
                **_term(each),
                "used_at": clock.text(each["used_at"]) if each["used_at"] else None,
            }
            for each in store.tokens.labelled(db, row["id"], now)
        ],
        "devices": [
            {
                "push_service": urlsplit(each["endpoint"]).hostname,
                "site": each["site"],
                "language": each["language"],
                "created_at": clock.text(each["created_at"]),
            }
            for each in store.push.of_user(db, row["id"])
        ],
        "replies": [
            {"shortcut": each["shortcut"], "message": each["message"]}
            for each in store.replies.of_agent(db, row["id"])
        ],
    }


def _term(row: ValidRow) -> dict[str, object]:
    return {"created_at": clock.text(row["created_at"]), "expires_at": clock.text(row["expires_at"])}


def _conversations(runtime: Runtime, row: UserRow, reader: User) -> Iterator[object]:
    """Of a client whole; of others the words are their own: clients' words are the clients'."""
    ids = runtime.database.read_slowly(lambda db: store.sessions.ids_of_person(db, row["id"]))
    for chat_session_id in ids:
        yield _conversation(runtime, row, reader, chat_session_id)


def _conversation(runtime: Runtime, row: UserRow, reader: User, chat_session_id: int) -> object:
    receipt = receipts.of_session(runtime, reader, chat_session_id)
    return {
        "session": receipt["session"],
        "is_rating_public": runtime.database.read(lambda db: store.reviews.is_public(db, chat_session_id)),
        "messages": _messages(runtime, chat_session_id, None if row["role"] == "client" else row["id"]),
        "receipt": {name: value for name, value in receipt.items() if name not in ("session", "server_time")},
    }


def _messages(runtime: Runtime, chat_session_id: int, only_of: int | None) -> Iterator[object]:
    last_id = 0
    while page := runtime.database.read(_since(chat_session_id, last_id)):
        attachments.addressed(runtime.settings, page)
        yield from (each for each in page if only_of in (None, each["sender_id"]))
        last_id = page[-1]["id"]


def _since(chat_session_id: int, last_id: int) -> Callable[[Connection], list[Message]]:
    return lambda db: store.messages.since(db, chat_session_id, last_id, PAGE)


def _money(runtime: Runtime, row: UserRow) -> dict[str, object]:
    def ledger(db: Connection, before_id: int) -> Sequence[Any]:
        return store.ledger.of_user(db, row["id"], before_id, PAGE)

    def paid(db: Connection, before_id: int) -> Sequence[Any]:
        return store.payments.of_user(db, row["id"], before_id, PAGE)

    return {
        "ledger": _newest_first(runtime, ledger, lambda db, entry: receipts.entry(entry)),
        "payments": _newest_first(runtime, paid, payments.details),
        "earnings": earnings.statement(runtime, None, row["id"]) if row["role"] == "agent" else None,
    }


def _kept(runtime: Runtime, row: UserRow, reader: User, is_whole: bool) -> dict[str, object]:
    """What they wrote elsewhere; and what others keep about them, which is for who runs the server."""
    user_id, may_see = row["id"], is_whole or row["role"] == "admin"
    pages: dict[str, tuple[bool, Page, Show]] = {
        "answers": (
            True,
            lambda db, before: store.answers.of_person(db, user_id, before, PAGE),
            lambda db, each: missed.shown(each),
        ),
        "reports": (
            True,
            lambda db, before: store.reports.of_person(db, user_id, is_whole, before, PAGE),
            lambda db, each: reports.shown(each, reader),
        ),
        "notes": (
            True,
            lambda db, before: store.notes.of_person(db, user_id, is_whole, before, PAGE),
            lambda db, each: notes.shown(each, reader),
        ),
        "blocks": (
            is_whole or row["role"] == "agent",
            lambda db, before: store.blocks.of_user(db, user_id, before, PAGE),
            lambda db, each: blocks.shown(each),
        ),
        "audit": (
            may_see,
            lambda db, before: store.audit.listed(db, "", user_id, None, before, PAGE),
            lambda db, each: audit.shown(each),
        ),
    }
    return {
        name: _newest_first(runtime, page, show) if is_theirs else []
        for name, (is_theirs, page, show) in pages.items()
    }


def _newest_first(runtime: Runtime, page: Page, show: Show) -> Iterator[object]:
    before_id = EVER
    while before_id:
        found, before_id = _read(runtime, page, show, before_id)
        yield from found


def _read(runtime: Runtime, page: Page, show: Show, before_id: int) -> tuple[list[object], int]:
    """What is shown, and before which id to go on; 0 at the end."""

    def read(db: Connection) -> tuple[list[object], int]:
        rows = page(db, before_id)
        return [show(db, row) for row in rows], rows[-1]["id"] if len(rows) == PAGE else 0

    return runtime.database.read(read)
