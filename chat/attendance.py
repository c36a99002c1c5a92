"""Which agents are there: now, for administrators; and how many each quarter of an hour, to be counted."""

from chat import audit, clock, sessions, sheets, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import HereRow
from chat.store.statistics import QUARTER_MS
from chat.wire import AgentHere, Here

COLUMNS = ("agent_id", "agent", "status", "conversations", "requests", "since")


class Attendance:
    """`look` is called once a second by the process that leads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._noted: int | None = None

    def look(self) -> None:
        """Count at the beginning of each quarter; not in the one that this process began in, for where the
        server did too, nobody has come back yet."""
        database, settings = self._runtime.database, self._runtime.settings
        now = database.read(store.server.now)
        if self._noted not in (None, now // QUARTER_MS):
            database.write(lambda db: store.attendance.note(db, now // QUARTER_MS, _gone(settings, now)))
        self._noted = now // QUARTER_MS


def here(runtime: Runtime, reader: User) -> Here:
    """For administrators; raises Forbidden."""
    audit.only_administrators(reader)

    def read(db: Connection) -> Here:
        now = store.server.now(db)
        rows = store.attendance.here(db, _gone(runtime.settings, now))
        agents = [_agent(row, runtime.settings, now) for row in rows]
        return {"server_time": clock.text(now), "agents": agents, "waiting": store.attendance.waiting(db)}

    return runtime.database.read(read)


def as_csv(found: Here) -> str:
    """The agents, with a head."""
    agents = found["agents"]
    rows = ({**each, "agent_id": each["agent"]["id"], "agent": each["agent"]["name"]} for each in agents)
    return sheets.as_csv(COLUMNS, rows)


def _gone(settings: Settings, now: int) -> int:
    """Whoever was last seen then is away, as a bill has it."""
    return now - settings.absence_seconds * 1000


def _agent(row: HereRow, settings: Settings, now: int) -> AgentHere:
    return {
        "agent": {"id": row["id"], "name": row["name"]},
        "status": sessions.availability(
            row["is_available"], row["seen_at"], row["open_sessions"], settings, now
        ),
        "conversations": row["open_sessions"],
        "requests": row["requests"],
        "since": clock.text_or_none(row["here_since"] or None),
    }
