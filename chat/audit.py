"""What administrators do, in the transaction that does it: no act without its row, no row without an act."""

from typing import Protocol, get_args

from chat import clock, store
from chat.database.connection import Connection
from chat.errors import Forbidden
from chat.live.hub import Caller
from chat.runtime import Runtime
from chat.store.rows import AuditKind, AuditRow, UserRow
from chat.wire import AuditEntry

KINDS: tuple[AuditKind, ...] = get_args(AuditKind)


class Actor(Protocol):
    """Who does it, and from where."""

    @property
    def id(self) -> int: ...

    @property
    def role(self) -> str: ...

    @property
    def address(self) -> str: ...


class Person:
    """Whoever signs in, or is about to."""

    def __init__(self, row: UserRow, caller: Caller) -> None:
        self.id, self.role, self.address = row["id"], row["role"], caller.network


def only_administrators(actor: Actor | None) -> None:
    """Raises Forbidden for anybody else; None is somebody at the server's console."""
    if actor is not None and actor.role != "admin":
        raise Forbidden("Only an administrator may do this.")


def only_for_another(actor: Actor | None, user_id: int) -> None:
    """For oneself there is the profile, which asks for the password: a stolen sign-in is no way round it."""
    only_administrators(actor)
    if actor and user_id == actor.id:
        raise Forbidden("Another administrator does this for you.")


def note(
    db: Connection,
    actor: Actor | None,
    kind: AuditKind,
    user_id: int | None = None,
    chat_session_id: int | None = None,
    detail: str = "",
) -> None:
    """An administrator does this, or (None) somebody at the server's console; what others do is not noted.

    The detail is no secret, and nothing that people wrote to each other.
    """
    if actor is None or actor.role == "admin":
        actor_id, address = (None, "") if actor is None else (actor.id, actor.address)
        now = store.server.now(db)
        store.audit.insert(db, kind, actor_id, address, user_id, chat_session_id, detail, now)


def listed(
    runtime: Runtime,
    actor: Actor | None,
    text: str = "",
    user_id: int | None = None,
    kind: str | None = None,
    before_id: int = 2**63 - 1,
    limit: int = 100,
) -> tuple[list[AuditEntry], bool]:
    """The newest with lower ids, and whether there are more; for administrators, and at the console (None).

    Of one kind, or of a person: who did it, or to whom it was done. Raises Forbidden, Overloaded.
    """
    only_administrators(actor)
    rows = runtime.database.read_slowly(
        lambda db: store.audit.listed(db, text, user_id, kind, before_id, limit + 1)
    )
    return [shown(row) for row in rows[:limit]], len(rows) > limit


def shown(row: AuditRow) -> AuditEntry:
    """An entry, on the wire."""
    return {
        "id": row["id"],
        "created_at": clock.text(row["created_at"]),
        "kind": row["kind"],
        "actor": None
        if row["actor_id"] is None
        else {"id": row["actor_id"], "name": row["actor_name"] or ""},
        "address": row["address"],
        "user": None if row["user_id"] is None else {"id": row["user_id"], "name": row["user_name"] or ""},
        "chat_session_id": row["chat_session_id"],
        "detail": row["detail"],
    }
