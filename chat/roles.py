"""Somebody gets another role."""

from chat import audit, obstacles, sign_ins, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import PersonErased, StillNeeded, existing
from chat.runtime import Runtime


def change(runtime: Runtime, actor: User | None, user_id: int, role: str) -> bool:
    """Whether it is another than before. They sign in anew: what they have open is of the former one.

    Raises Forbidden, NotFound, PersonErased, StillNeeded.
    """
    audit.only_administrators(actor)
    owed = obstacles.owed(runtime, runtime.database.read(lambda db: existing(store.users.by_id(db, user_id))))

    def write(db: Connection) -> tuple[list[str], int] | None:
        row = existing(store.users.by_id(db, user_id))
        if row["erased_at"] is not None:
            raise PersonErased
        if row["role"] == role:
            return None
        if found := [*obstacles.of_role(db, row), *owed]:
            raise StillNeeded(found)
        store.users.update(db, user_id, role=role, is_available=0)
        # An agent's page is nobody else's; they are none any more, or begin anew.
        store.profiles.erase(db, user_id)
        store.portraits.erase(db, user_id)
        audit.note(db, actor, "role_changed", user_id, detail=f"{row['role']} → {role}")
        return sign_ins.end(db, user_id)

    if ended := runtime.database.write(write):
        runtime.hub.publish(*ended)
    return ended is not None
