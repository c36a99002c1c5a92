"""Chat sessions: finding one through its people, and showing how it stands at an instant."""

from typing import cast

from chat import clock, store
from chat.billing import bill, exhausted_at, metered
from chat.database.connection import Connection
from chat.errors import CursorReset, existing
from chat.lifecycle import Lifecycle, is_due
from chat.money import Cents
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import SessionRow, Side, StandingRow, TermsRow, delivered_id
from chat.store.server import Time
from chat.wire import Availability, Increments, Participant, Session, Summary, TimedSession, Transfer

OTHER: dict[Side, Side] = {"client": "agent", "agent": "client"}


def side_of(row: StandingRow, user_id: int) -> Side:
    """Which side of it the user is."""
    return "client" if row["client_id"] == user_id else "agent"


def of_user(db: Connection, chat_session_id: int, user_id: int) -> SessionRow:
    """The row; NotFound whether it is unknown or not theirs."""
    return existing(store.sessions.of_participant(db, chat_session_id, user_id))


def note_delivered(
    db: Connection, runtime: Runtime, row: StandingRow, side: Side, last_id: int, since: int
) -> None:
    """This side's client has all up to this message but, where it is no 0, what there was at `since`."""
    arrived = delivered_id(row, side)
    if last_id > arrived and (not since or arrived >= store.messages.newest_id(db, row["id"], since)):
        runtime.presence.deliver(row["id"], side, last_id)


def check_cursor(db: Connection, cursor: int | None) -> None:
    """Raises CursorReset, with where to start again, for a cursor that this history never gave."""
    if cursor is not None and (shared := store.revision.shared(db, cursor)) != cursor:
        raise CursorReset(cursor=shared)


def life_of(db: Connection, row: SessionRow, settings: Settings) -> Lifecycle:
    """What happens to it from now on, and to what is paid from the same balance."""
    life = _life(db, row, settings)
    if row["is_prepaid"] or (settings.prepaid and row["status"] == "waiting"):
        others = store.sessions.prepaid_of_client(db, row["client_id"])
        life.beside = [_life(db, each, settings) for each in others if each["id"] != row["id"]]
    return life


def _life(db: Connection, row: SessionRow, settings: Settings) -> Lifecycle:
    return Lifecycle(row, settings, lambda: store.intervals.of_session(db, row["id"]))


def settled(db: Connection, row: SessionRow, time: Time, settings: Settings) -> SessionRow:
    """The row as it stands at this instant, whether that is stored yet or not."""
    if row["status"] == "ended" or not (row["is_prepaid"] or is_due(row, time, settings)):
        return row
    life = life_of(db, row, settings)
    life.settle(time)
    return life.session


def increments(terms: TermsRow, currency: str = "") -> Increments:
    """How is charged, on the wire; the database's currency goes without saying."""
    return {
        "first_seconds": terms["first_increment_seconds"],
        "next_seconds": terms["next_increment_seconds"],
        "minimum_charge": Cents(terms["minimum_cents"], currency),
    }


def summary(db: Connection, row: SessionRow, time: Time, settings: Settings) -> Summary:
    """The `session` object of the wire, as it stands at this instant."""
    row, now = settled(db, row, time, settings), time.now
    so_far = bill(row, now)
    is_open = row["status"] != "ended"
    exhausted = exhausted_at(row, now) if is_open else None
    return {
        "id": row["id"],
        "status": row["status"],
        "end_reason": row["end_reason"],
        "pause_reason": row["pause_reason"],
        "position": _position(db, row),
        "expires_at": _expires_at(row, settings),
        "duration_minutes": so_far.duration_minutes,
        "total_cost": Cents(so_far.cents, row["currency"]),
        "duration_seconds": so_far.active_seconds,
        "billed_minutes": so_far.billed_minutes,
        "billed_seconds": so_far.billed_seconds,
        "cent_seconds": metered(row, so_far.billed_seconds),
        "rate_per_minute": None if row["agent_id"] is None else Cents(row["rate_cents"], row["currency"]),
        "max_rate": Cents(row["max_rate_cents"], row["currency"]),
        "increments": increments(row, row["currency"]),
        "currency": row["currency"],
        "free_seconds": row["free_seconds"],
        "free_seconds_left": so_far.free_seconds_left,
        "is_clock_running": row["running_since"] is not None,
        "clock_started_at": clock.text_or_none(row["clock_started_at"]),
        "is_prepaid": bool(row["is_prepaid"]),
        "spending_limit": None if row["limit_cents"] is None else Cents(row["limit_cents"], row["currency"]),
        "seconds_left": max(0, exhausted[0] - now) // 1000 if exhausted else None,
        "is_silent": is_open and (row["prompted_at"] or 0) > row["last_activity_at"],
        "last_message_id": row["last_message_id"],
        "client_read_id": row["client_read_id"],
        "agent_read_id": row["agent_read_id"],
        "client_delivered_id": row["client_delivered_id"],
        "agent_delivered_id": row["agent_delivered_id"],
        "transfer": offer(row, settings, now),
    }


def details(db: Connection, runtime: Runtime, row: SessionRow, time: Time) -> TimedSession:
    """The summary, with who takes part, since when, the rating, and the time."""
    is_waiting = row["status"] == "waiting"
    agent: Participant | None = None
    if row["agent_id"] is not None and row["agent_name"] is not None:
        presence = runtime.presence.state(row, "agent", time.now)
        agent = {"id": row["agent_id"], "name": row["agent_name"], "presence": presence}
    return {
        **summary(db, row, time, runtime.settings),
        "client": {
            "id": row["client_id"],
            "name": row["client_name"],
            "presence": runtime.presence.state(row, "client", time.now),
        },
        "agent": agent,
        "created_at": clock.text(row["created_at"]),
        "accepted_at": clock.text_or_none(row["accepted_at"]),
        "ended_at": clock.text_or_none(row["ended_at"]),
        "waiting_seconds": (time.now - row["created_at"]) // 1000 if is_waiting else None,
        "rating": row["rating"],
        "rating_comment": row["rating_comment"],
        "revision": row["revision"],
        "server_time": time.now,
    }


def untimed(session: TimedSession) -> Session:
    """The session, without when it stood so."""
    return cast(Session, {name: value for name, value in session.items() if name != "server_time"})


def offer(row: SessionRow, settings: Settings, now: int) -> Transfer | None:
    """The dearer agent whom the client is asked about, if they are."""
    if row["transfer_agent_id"] is None or row["transfer_rate_cents"] is None:
        return None
    return {
        "agent_id": row["transfer_agent_id"],
        "agent_name": row["transfer_agent_name"] or "",
        "rate_per_minute": Cents(row["transfer_rate_cents"], row["currency"]),
        "status": availability(
            row["transfer_available"], row["transfer_seen_at"], row["transfer_open_sessions"], settings, now
        ),
    }


def availability(
    is_available: int | None, seen_at: int | None, open_sessions: int, settings: Settings, now: int
) -> Availability:
    """`available`, or `busy` with as many sessions as they may have: who is may be asked; `absent`, whoever
    takes requests and is not there; `away`, who takes none."""
    if not is_available:
        return "away"
    if not is_there(seen_at or 0, settings, now):
        return "absent"
    return "busy" if open_sessions >= settings.sessions_per_agent else "available"


def is_there(seen_at: int, settings: Settings, now: int) -> bool:
    """As a bill has it, too."""
    return now < seen_at + settings.absence_seconds * 1000


def receipt_address(settings: Settings, chat_session_id: int) -> str:
    """Where the receipt is, on the API."""
    return f"{settings.prefix}/api/chat/sessions/{chat_session_id}/receipt"


def _expires_at(row: SessionRow, settings: Settings) -> str | None:
    """Until when an agent may accept it."""
    if row["status"] != "waiting":
        return None
    return clock.text(row["created_at"] + settings.request_seconds * 1000)


def _position(db: Connection, row: SessionRow) -> int | None:
    """Its place among the requests to the same agent, or to any, from 1."""
    if row["status"] != "waiting":
        return None
    return store.sessions.ahead(db, row["id"], row["agent_id"]) + 1
