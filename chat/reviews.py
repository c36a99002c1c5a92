"""What clients said of an agent, where they want others to read it; administrators may hide it."""

from chat import audit, clock, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import NotFound
from chat.runtime import Runtime
from chat.store.rows import ReviewRow
from chat.wire import Review


def of_agent(
    db: Connection, reader: User | None, agent_id: int, before_id: int, limit: int
) -> tuple[list[Review], bool]:
    """The newest, of sessions with lower ids; and whether there are more. Hidden ones for administrators."""
    rows = store.reviews.of_agent(
        db, agent_id, reader is not None and reader.role == "admin", before_id, limit + 1
    )
    return [_shown(row, reader) for row in rows[:limit]], len(rows) > limit


def hide(runtime: Runtime, actor: User, chat_session_id: int, is_hidden: bool) -> int:
    """An administrator hides it, or shows it again: the id of its agent. Raises Forbidden, NotFound."""
    audit.only_administrators(actor)

    def write(db: Connection) -> int:
        now = store.server.now(db) if is_hidden else None
        agent_id = store.reviews.hide(db, chat_session_id, now)
        if agent_id is None:
            raise NotFound
        audit.note(db, actor, "review_hidden" if is_hidden else "review_shown", agent_id, chat_session_id)
        return agent_id

    return runtime.database.write(write)


def _shown(row: ReviewRow, reader: User | None) -> Review:
    return {
        "chat_session_id": row["chat_session_id"],
        "name": _first_name(row["client_name"]),
        "rating": row["rating"],
        "comment": row["rating_comment"],
        "month": clock.text(row["ended_at"])[:7],
        "is_own": reader is not None and row["client_id"] == reader.id,
        "is_hidden": row["hidden_at"] is not None,
    }


def _first_name(name: str) -> str:
    """Where it can be told from the rest: of one word, or one before a comma, only the first letter."""
    first, *others = name.split()
    return first if others and first.replace("-", "").isalpha() else f"{first[0]}."
