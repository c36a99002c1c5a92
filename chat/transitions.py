"""What people do with a chat session: ask for one, accept it, pause, transfer, end and rate it.

    waiting → active ⇄ paused → ended

Each is one write: settle what has happened by itself, check, change, store. Doing the same again changes
nothing and gives the same answer.
"""

from collections.abc import Mapping
from typing import Any

from chat import agents, billing, messages, topics
from chat.accounts import User
from chat.billing import EXHAUSTED, Meter
from chat.database import Connection
from chat.engine import Engine
from chat.errors import (
    Forbidden,
    InsufficientBalance,
    InvalidParameter,
    NotFound,
    SessionEnded,
    SpendingLimitReached,
    WrongStatus,
)
from chat.money import Cents
from chat.sessions import OTHER, Change, arrive, change, details, found, publish, receipt_address, side_of
from chat.store import revision, server, users
from chat.store import sessions as stored


def request(
    engine: Engine, client: User, agent_id: int | None, text: str | None, limit_cents: int | None
) -> tuple[dict[str, Any], bool]:
    """Ask an agent for a session, or (None) any: (the session, whether it was asked for before).

    A client has one open session with an agent, and one request to any: asking again gives that one.
    """
    if client.role != "client":
        raise Forbidden("Only a client asks for a session.")
    opening = None if text is None else messages.trimmed(text)

    def insert(db: Connection) -> tuple[list[Change | None], dict[str, Any], bool]:
        changes, time = arrive(db, engine.rules, [client.id]), server.time(db)
        earlier = stored.open_request(db, client.id, agent_id)
        if earlier is not None:
            return changes, details(db, engine, earlier, time), True
        # What it costs now; what counts is the agent's rate when they accept.
        rate = 0 if agent_id is None else agents.available(db, engine.rules, agent_id)["rate_cents"]
        head = revision.advance(db)
        due_at = time.now + engine.rules.request_seconds * 1000
        new_id = stored.insert(db, client.id, agent_id, rate, limit_cents, due_at, time.now, head)
        if opening is not None:
            messages.insert(db, new_id, client.id, "client", opening, None, time.now, head)
        row = found(stored.by_id(db, new_id))
        changes.append(Change(topics.of_change(row, opening is not None), head))
        return changes, details(db, engine, row, time), False

    changes, session, is_old = engine.database.write(insert)
    publish(engine, changes)
    return session, is_old


def accept(engine: Engine, agent: User, chat_session_id: int) -> dict[str, Any]:
    """The agent takes a request: theirs, or one to any agent."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        if meter.session["status"] != "waiting":
            _require(meter.session, "active", "paused")
            return
        row = found(users.by_id(db, agent.id))
        free = engine.rules.free_seconds
        if free and stored.had_free_seconds(db, meter.session["client_id"], agent.id):
            free = 0
        meter.accept(row, free, now)

    if agent.role != "agent":
        raise Forbidden("Only an agent accepts a request.")
    return change(engine, agent, chat_session_id, act, stored.open_to_agent)


def decline(engine: Engine, agent: User, chat_session_id: int) -> dict[str, Any]:
    """The agent does not take it."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        _only("agent", meter, agent)
        if meter.session["end_reason"] != "declined":
            _require(meter.session, "waiting")
            meter.end("declined", now)

    return change(engine, agent, chat_session_id, act)


def cancel(engine: Engine, client: User, chat_session_id: int) -> dict[str, Any]:
    """The client takes the request back."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        _only("client", meter, client)
        if meter.session["end_reason"] != "cancelled":
            _require(meter.session, "waiting")
            meter.end("cancelled", now)

    return change(engine, client, chat_session_id, act)


def end(engine: Engine, user: User, chat_session_id: int) -> dict[str, Any]:
    """Either side ends it, a request too; ending twice gives the same answer."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        side = side_of(meter.session, user.id)
        if meter.session["status"] == "waiting":
            meter.end("cancelled" if side == "client" else "declined", now)
        elif meter.session["status"] != "ended":
            meter.end(f"ended_by_{side}", now)

    return change(engine, user, chat_session_id, act)


def pause(engine: Engine, user: User, chat_session_id: int) -> dict[str, Any]:
    """Either side stops the clock."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        reason = f"paused_by_{side_of(meter.session, user.id)}"
        if meter.session["pause_reason"] != reason:
            _require(meter.session, "active", "paused")
            if meter.session["pause_reason"] in ("paused_by_client", "paused_by_agent", *EXHAUSTED):
                raise WrongStatus(f"It is paused already: {meter.session['pause_reason']}.")
            meter.pause(reason, now)

    return change(engine, user, chat_session_id, act)


def resume(engine: Engine, user: User, chat_session_id: int) -> dict[str, Any]:
    """Go on: whoever paused it, and the client when the money has been seen to."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        session, side = meter.session, side_of(meter.session, user.id)
        _require(session, "active", "paused")
        if session["status"] == "paused":
            if session["pause_reason"] in (
                f"paused_by_{OTHER[side]}",
                *(EXHAUSTED if side == "agent" else ()),
            ):
                raise Forbidden("Only the other side can resume it.")
            _require_money(session, now)
            meter.resume(now)

    return change(engine, user, chat_session_id, act)


def limit(engine: Engine, client: User, chat_session_id: int, limit_cents: int | None) -> dict[str, Any]:
    """Set the spending limit, or lift it; what it had paused goes on."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        session = meter.session
        _only("client", meter, client)
        _require(session, "waiting", "active", "paused")
        so_far = billing.bill(session, now).cents
        if limit_cents is not None and limit_cents < so_far:
            raise InvalidParameter(
                f"spending_limit is below what it costs already, {Cents(so_far)}.", field="spending_limit"
            )
        session |= {"limit_cents": limit_cents, "warned_seconds": None}
        if session["pause_reason"] == "spending_limit":
            _require_money(session, now)
            meter.resume(now)

    return change(engine, client, chat_session_id, act)


def transfer(engine: Engine, agent: User, chat_session_id: int, to_id: int) -> dict[str, Any]:
    """Hand it to another agent; if they cost more, the client is asked first."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        if meter.session["agent_id"] == to_id and meter.session["previous_agent_id"] == agent.id:
            return
        if meter.session["agent_id"] != agent.id:
            raise NotFound
        _require(meter.session, "active", "paused")
        if to_id == agent.id:
            raise InvalidParameter("agent_id is yours; name another agent.")
        other = agents.available(db, engine.rules, to_id)
        if other["rate_cents"] > meter.session["rate_cents"]:
            meter.session |= {"transfer_agent_id": to_id, "transfer_rate_cents": other["rate_cents"]}
        else:
            meter.transfer(other, now)

    return change(engine, agent, chat_session_id, act, stored.of_agent)


def answer_transfer(engine: Engine, client: User, chat_session_id: int, is_agreed: bool) -> dict[str, Any]:
    """The client agrees to the dearer agent, or stays."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        session = meter.session
        _only("client", meter, client)
        if not is_agreed:
            session |= {"transfer_agent_id": None, "transfer_rate_cents": None}
        elif session["transfer_agent_id"] is not None:
            other = found(users.by_id(db, session["transfer_agent_id"]))
            # What the client agreed to, whatever the agent's rate is by now.
            meter.transfer({**other, "rate_cents": session["transfer_rate_cents"]}, now)

    return change(engine, client, chat_session_id, act)


def rate(
    engine: Engine, client: User, chat_session_id: int, rating: int, comment: str | None
) -> dict[str, Any]:
    """The client's rating, after the end; a second one replaces the first."""

    def act(db: Connection, meter: Meter, now: int) -> None:
        _only("client", meter, client)
        if meter.session["accepted_at"] is None:
            raise WrongStatus("Nobody accepted this session.")
        _require(meter.session, "ended")
        meter.session |= {"rating": rating, "rating_comment": comment}

    return change(engine, client, chat_session_id, act)


def _only(side: str, meter: Meter, user: User) -> None:
    if side_of(meter.session, user.id) != side:
        raise Forbidden(f"Only the {side} may do this.")


def _require(session: Mapping[str, Any], *statuses: str) -> None:
    if session["status"] in statuses:
        return
    if session["status"] == "ended":
        raise SessionEnded(receipt=receipt_address(session["id"]))
    raise WrongStatus(f"It is {session['status']}; that needs {' or '.join(statuses)}.")


def _require_money(session: Mapping[str, Any], now: int) -> None:
    exhausted = billing.exhausted_at(session, now)
    if exhausted and exhausted[0] <= now:
        raise SpendingLimitReached if exhausted[1] == "spending_limit" else InsufficientBalance
