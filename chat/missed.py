"""Requests to any agent that nobody took: agents see them, and may still answer.

An answer makes no session: the client asks that agent, at the price that they are shown then, or does not.
"""

from chat import clock, store, texts
from chat.accounts import DAY_MS, User
from chat.changes import Change, publish
from chat.database.connection import Connection
from chat.errors import AlreadyAnswered, Forbidden, existing
from chat.live import topics
from chat.runtime import Runtime
from chat.store.rows import AnswerRow, MissedRow
from chat.wire import LateAnswer, Missed

DAYS = 7
CHARACTERS = 1000


def listed(runtime: Runtime, agent: User, before_id: int, limit: int) -> tuple[list[Missed], bool]:
    """Those of the last days that the agent could have taken, newest first; and whether there are more.

    Raises Forbidden.
    """
    _only_agents(agent)

    def read(db: Connection) -> list[MissedRow]:
        return store.answers.missed(db, agent.id, _since(db), before_id, limit + 1)

    rows = runtime.database.read_slowly(read)
    return [_missed(row) for row in rows[:limit]], len(rows) > limit


def answer(runtime: Runtime, agent: User, chat_session_id: int, text: str) -> None:
    """Write to the client of one, once; raises Forbidden, NotFound, InvalidParameter, AlreadyAnswered."""
    _only_agents(agent)
    said = texts.checked(text, "answer", CHARACTERS)

    def write(db: Connection) -> list[Change]:
        existing(store.answers.one_missed(db, agent.id, _since(db), chat_session_id))
        if not store.answers.insert(db, chat_session_id, agent.id, said, store.server.now(db)):
            raise AlreadyAnswered
        row = existing(store.sessions.by_id(db, chat_session_id))
        head = store.revision.advance(db)
        store.sessions.save(db, row, {"revision": head})
        return [Change([topics.of_user(row["client_id"]), topics.of_session(chat_session_id)], head)]

    publish(runtime, runtime.database.write(write))


def to_client(runtime: Runtime, client: User) -> list[LateAnswer]:
    """What agents have answered in the last days, whom the client has not asked since; raises Forbidden."""
    if client.role != "client":
        raise Forbidden("Only a client is answered.")
    rows = runtime.database.read(lambda db: store.answers.to_client(db, client.id, _since(db)))
    return [shown(row) for row in rows]


def of_session(db: Connection, chat_session_id: int) -> list[LateAnswer]:
    """All to one request, in order, for who may see it."""
    return [shown(row) for row in store.answers.of_session(db, chat_session_id)]


def _only_agents(user: User) -> None:
    if user.role != "agent":
        raise Forbidden("Only an agent answers requests.")


def _since(db: Connection) -> int:
    return store.server.now(db) - DAYS * DAY_MS


def _missed(row: MissedRow) -> Missed:
    return {
        "id": row["id"],
        "client": {"id": row["client_id"], "name": row["client_name"]},
        "created_at": clock.text(row["created_at"]),
        "end_reason": row["end_reason"],
        "message": row["message"],
        "answer": row["own_message"],
        "answers": row["answers"],
    }


def shown(row: AnswerRow) -> LateAnswer:
    """An answer, on the wire."""
    return {
        "chat_session_id": row["chat_session_id"],
        "agent": {"id": row["agent_id"], "name": row["agent_name"]},
        "message": row["message"],
        "created_at": clock.text(row["created_at"]),
    }
