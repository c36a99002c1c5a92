"""Somebody is erased: what they were and wrote goes, and the books stay as they were issued.

First, in one transaction, they are nobody any more: signed out everywhere, without a name, an email or a
device. Then their words go, some rows in a transaction; where that is interrupted, the server goes on.
"""

from collections.abc import Callable
from time import sleep
from typing import NamedTuple

from chat import attachments, audit, indexing, obstacles, sign_ins, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import Forbidden, StillNeeded, existing
from chat.languages import texts_in
from chat.obstacles import Obstacle
from chat.runtime import Runtime
from chat.store.rows import UserRow
from chat.store.words import Kind

# In one transaction; then those who send have their turn.
ROWS = 200
PAUSE_SECONDS = 0.05


class Prospect(NamedTuple):
    """Who is to be erased, and what has to be seen to before."""

    person: UserRow
    obstacles: list[Obstacle]


def look(runtime: Runtime, actor: User | None, user_id: int) -> Prospect:
    """Raises Forbidden, NotFound."""
    audit.only_administrators(actor)
    person = runtime.database.read(lambda db: existing(store.users.by_id(db, user_id)))
    return Prospect(person, obstacles.all_of(runtime, person))


def erase(runtime: Runtime, actor: User | None, user_id: int) -> bool:
    """Whether they were not before; their words go by `finish`, or by the server within seconds.

    Raises Forbidden, NotFound, StillNeeded.
    """
    audit.only_administrators(actor)
    if actor and actor.id == user_id:
        raise Forbidden("Another administrator does this for you.")
    person = runtime.database.read(lambda db: existing(store.users.by_id(db, user_id)))
    owed = obstacles.owed(runtime, person)

    def write(db: Connection) -> tuple[list[str], int] | None:
        row, now = existing(store.users.by_id(db, user_id)), store.server.now(db)
        if row["erased_at"] is not None:
            return None
        if found := [*obstacles.of(db, row, now), *owed]:
            raise StillNeeded(found)
        ended = sign_ins.end(db, user_id)
        store.users.erase(db, user_id, _name(runtime, user_id), now)
        audit.note(db, actor, "erased", user_id)
        return ended

    if ended := runtime.database.write(write):
        runtime.hub.publish(*ended)
    return ended is not None


def finish(runtime: Runtime, user_id: int, is_stopped: Callable[[], bool] = lambda: False) -> None:
    """Take away what they wrote, and what others keep about them."""
    for kind in store.words.OF_PERSON:
        after_id = 0
        while last := _empty_some(runtime, kind, user_id, after_id):
            if is_stopped():
                return
            after_id = last
            sleep(PAUSE_SECONDS)
    attachments.clear(runtime)
    indexing.purge(runtime, is_stopped)
    if is_stopped():
        return
    runtime.database.write(lambda db: store.users.update(db, user_id, words_gone_at=store.server.now(db)))


def _empty_some(runtime: Runtime, kind: Kind, user_id: int, after_id: int) -> int:
    """The id of the last row; 0 where there is none above that one."""
    ids = runtime.database.read_slowly(lambda db: store.words.of_person(db, kind, user_id, after_id, ROWS))
    if ids:
        runtime.database.write(lambda db: store.words.empty(db, kind, ids))
    return ids[-1] if ids else 0


def _name(runtime: Runtime, user_id: int) -> str:
    """What others read, in the language of the site: they have sessions with somebody."""
    text = texts_in(runtime.settings.language).gettext("Erased person %(number)d")
    return text % {"number": user_id}
