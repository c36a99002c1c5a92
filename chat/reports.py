"""Either side reports a conversation, and an administrator sees to it."""

from chat import audit, clock, sessions, store, texts
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import ReportOpen, existing
from chat.runtime import Runtime
from chat.store.rows import ReportReason, ReportRow
from chat.wire import Person, Report

REMARK_CHARACTERS = 2000


def report(runtime: Runtime, user: User, chat_session_id: int, reason: ReportReason, text: str) -> Report:
    """Whoever takes part says what is wrong; raises NotFound, InvalidParameter.

    And ReportOpen while an earlier one of theirs has not been seen to.
    """
    remark = texts.checked(text, "remark", REMARK_CHARACTERS)

    def write(db: Connection) -> Report:
        sessions.of_user(db, chat_session_id, user.id)
        now = store.server.now(db)
        new_id = store.reports.insert(db, chat_session_id, user.id, reason, remark, now)
        if new_id is None:
            raise ReportOpen
        return shown(existing(store.reports.by_id(db, new_id)), user)

    return runtime.database.write(write)


def of_session(runtime: Runtime, user: User, chat_session_id: int) -> list[Report]:
    """What the user has reported of it, newest first; raises NotFound."""

    def read(db: Connection) -> list[Report]:
        sessions.of_user(db, chat_session_id, user.id)
        return [shown(row, user) for row in store.reports.of_session(db, chat_session_id, user.id)]

    return runtime.database.read(read)


def listed(
    runtime: Runtime, actor: User, is_open: bool, before_id: int, limit: int
) -> tuple[list[Report], bool]:
    """The newest with lower ids, for administrators; and whether there are more. Raises Forbidden."""
    audit.only_administrators(actor)
    rows = runtime.database.read(lambda db: store.reports.listed(db, is_open, before_id, limit + 1))
    return [shown(row, actor) for row in rows[:limit]], len(rows) > limit


def finish(runtime: Runtime, actor: User, report_id: int, note: str) -> Report:
    """An administrator has seen to it; once it is done, it stays as it is. Raises Forbidden, NotFound."""
    audit.only_administrators(actor)
    said = texts.checked(note, "note", REMARK_CHARACTERS, shortest=0)

    def write(db: Connection) -> Report:
        row = existing(store.reports.by_id(db, report_id))
        if store.reports.finish(db, report_id, actor.id, said, store.server.now(db)):
            audit.note(db, actor, "report_done", row["reporter_id"], row["chat_session_id"])
        return shown(existing(store.reports.by_id(db, report_id)), actor)

    return runtime.database.write(write)


def shown(row: ReportRow, reader: User) -> Report:
    """A report, on the wire; its note is for administrators."""
    agent: Person | None = None
    if row["agent_id"] is not None:
        agent = {"id": row["agent_id"], "name": row["agent_name"] or ""}
    return {
        "id": row["id"],
        "chat_session_id": row["chat_session_id"],
        "status": "open" if row["done_at"] is None else "done",
        "reason": row["reason"],
        "remark": row["remark"],
        "by": row["reporter_role"],
        "reporter": {"id": row["reporter_id"], "name": row["reporter_name"]},
        "client": {"id": row["client_id"], "name": row["client_name"]},
        "agent": agent,
        "created_at": clock.text(row["created_at"]),
        "done_at": clock.text_or_none(row["done_at"]),
        "note": row["note"] if reader.role == "admin" else None,
    }
