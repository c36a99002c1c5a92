"""An agent does not want to hear from a client any more, or an administrator shuts one out from all agents.

Nobody is told who blocks them, or why: an agent is not available for them, as one who is away is for nobody.
What goes on goes on, as agreed.
"""

from chat import audit, clock, store, texts
from chat.accounts import User
from chat.changes import Change, publish, save
from chat.database.connection import Connection
from chat.errors import Forbidden, NotFound, PersonErased, existing
from chat.live import topics
from chat.runtime import Runtime
from chat.sessions import life_of
from chat.store.rows import BlockRow
from chat.wire import Block, Person

REASON_CHARACTERS = 500


def block(runtime: Runtime, actor: User, client_id: int, reason: str) -> None:
    """No requests of this client reach the agent from now on, or if an administrator says so any agent.

    A request that waits for them is declined. Raises Forbidden, NotFound, InvalidParameter.
    """
    said = texts.checked(reason, "reason", REASON_CHARACTERS, shortest=0)
    agent_id = _for_whom(actor)

    def write(db: Connection) -> list[Change]:
        _require_client(db, client_id, agent_id)
        store.blocks.insert(db, client_id, agent_id, said, store.server.now(db))
        audit.note(db, actor, "blocked", client_id)
        return [*_decline(db, runtime, client_id, agent_id), *_tell_queue(db, client_id)]

    publish(runtime, runtime.database.write(write))


def lift(runtime: Runtime, actor: User, client_id: int) -> None:
    """They may ask again; raises Forbidden, and NotFound where nothing was blocked."""
    agent_id = _for_whom(actor)

    def write(db: Connection) -> list[Change]:
        if not store.blocks.delete(db, client_id, agent_id):
            raise NotFound
        audit.note(db, actor, "unblocked", client_id)
        return _tell_queue(db, client_id)

    publish(runtime, runtime.database.write(write))


def own(runtime: Runtime, actor: User, client_id: int) -> Block | None:
    """What `block` has done, if it is so; raises Forbidden."""
    agent_id = _for_whom(actor)
    row = runtime.database.read(lambda db: store.blocks.of_pair(db, client_id, agent_id))
    return row and shown(row)


def listed(
    runtime: Runtime, actor: User, user_id: int, before_id: int, limit: int
) -> tuple[list[Block], bool]:
    """Whom the agent blocks, or for administrators who blocks a client, too: the newest with lower ids.

    And whether there are more. Raises Forbidden.
    """
    if actor.role != "admin" and (actor.role != "agent" or actor.id != user_id):
        raise Forbidden("Only an administrator sees what others block.")
    rows = runtime.database.read(lambda db: store.blocks.of_user(db, user_id, before_id, limit + 1))
    return [shown(row) for row in rows[:limit]], len(rows) > limit


def _for_whom(actor: User) -> int | None:
    """The agent, or None for all of them."""
    if actor.role == "client":
        raise Forbidden("Only an agent or an administrator blocks somebody.")
    return actor.id if actor.role == "agent" else None


def _require_client(db: Connection, client_id: int, agent_id: int | None) -> None:
    """Whom an agent has never met is nobody to them, and of whom is erased nothing more is kept."""
    row = existing(store.users.by_id(db, client_id))
    if agent_id is None:
        if row["role"] != "client":
            raise NotFound(f"User {client_id} is no client.")
    elif not store.sessions.have_met(db, client_id, agent_id):
        raise NotFound
    if row["erased_at"] is not None:
        raise PersonErased


def _decline(db: Connection, runtime: Runtime, client_id: int, agent_id: int | None) -> list[Change]:
    changes, time = list[Change](), store.server.time(db)
    for chat_session_id in store.sessions.waiting_of_client(db, client_id, agent_id):
        life = life_of(db, existing(store.sessions.by_id(db, chat_session_id)), runtime.settings)
        life.settle(time)
        if life.session["status"] == "waiting":
            life.end("declined", time.now)
        changes += save(db, life)
    return changes


def _tell_queue(db: Connection, client_id: int) -> list[Change]:
    """Their request to any agent, if there is one, is gone from some inboxes, or is in them again."""
    row = store.sessions.open_request(db, client_id, None)
    if row is None:
        return []
    head = store.revision.advance(db)
    store.sessions.save(db, row, {"revision": head, "owner_revision": head})
    row |= {"revision": head, "owner_revision": head}
    return [Change(topics.of_change(row, head - 1, has_message=False), head)]


def shown(row: BlockRow) -> Block:
    """A block, on the wire."""
    agent: Person | None = None
    if row["agent_id"] is not None:
        agent = {"id": row["agent_id"], "name": row["agent_name"] or ""}
    return {
        "id": row["id"],
        "client": {"id": row["client_id"], "name": row["client_name"]},
        "agent": agent,
        "reason": row["reason"],
        "created_at": clock.text(row["created_at"]),
    }
