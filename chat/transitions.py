"""What people do with a chat session: ask for one, accept it, pause, transfer, end and rate it.

    waiting → active ⇄ paused → ended

Each is one write: settle what has happened by itself, check, change, store. Doing the same again changes
nothing and gives the same answer.
"""

from chat import agents, billing, messages, notes, sessions, store, texts
from chat.accounts import User
from chat.billing import bill, exhausted_at, next_cost
from chat.changes import Act, Change, arrive, change, publish, save, settle_each
from chat.database.connection import Connection
from chat.errors import (
    Forbidden,
    InsufficientBalance,
    InvalidParameter,
    NobodyForClient,
    NotFound,
    OfferChanged,
    RateChanged,
    SessionEnded,
    SpendingLimitReached,
    WrongStatus,
    existing,
)
from chat.lifecycle import EXHAUSTED, PAUSED_BY, Lifecycle
from chat.live import topics
from chat.money import Cents
from chat.runtime import Runtime
from chat.sessions import OTHER, side_of
from chat.settings import Settings
from chat.store.rows import EndReason, SessionRow, Side, Status
from chat.wire import TimedSession

ENDED_BY: dict[Side, EndReason] = {"client": "ended_by_client", "agent": "ended_by_agent"}


def request(
    runtime: Runtime,
    client: User,
    agent_id: int | None,
    text: str | None,
    limit_cents: int | None,
    most_cents: int | None = None,
) -> tuple[TimedSession, bool]:
    """Ask an agent for a session, or (None) any: (the session, whether it was asked for before).

    A client has one open session with an agent, and one request to any: asking again gives that one. A minute
    costs at most what it would now. `most_cents` is what of that the client was shown, if they tell it, and
    the most that any agent may take. Raises RateChanged, InsufficientBalance, AgentUnavailable,
    AgentAbsent, NotFound, NotForClient, NobodyForClient.
    """
    if client.role != "client":
        raise Forbidden("Only a client asks for a session.")
    if agent_id is None and most_cents is None:
        raise InvalidParameter(
            "max_rate is missing: what a minute with any agent may cost.", field="max_rate"
        )
    opening = None if text is None else texts.checked(text, "message", messages.MAX_CHARACTERS)

    def insert(db: Connection) -> tuple[list[Change], TimedSession, bool]:
        changes, time = arrive(db, runtime.settings, [client.id]), store.server.time(db)
        prepaid = [each["id"] for each in store.sessions.prepaid_of_client(db, client.id)]
        changes += settle_each(db, runtime.settings, prepaid)
        earlier = store.sessions.open_request(db, client.id, agent_id)
        if earlier is not None:
            return changes, sessions.details(db, runtime, earlier, time), True
        if store.blocks.exists(db, client.id, None):
            raise NobodyForClient
        rate = _agreed_cents(db, runtime.settings, client.id, agent_id, most_cents)
        head = store.revision.advance(db)
        due_at = time.now + runtime.settings.request_seconds * 1000
        terms = billing.terms(runtime.settings)
        new_id = store.sessions.insert(
            db, client.id, agent_id, rate, limit_cents, due_at, time.now, head, terms
        )
        life = sessions.life_of(db, existing(store.sessions.by_id(db, new_id)), runtime.settings)
        _require_first_increment(db, runtime.settings, life.row)
        if opening is None:
            changes.append(Change(topics.of_change(life.row, head - 1, has_message=False), head))
        else:
            messages.insert(db, life, "client", opening, None, time.now, head)
            changes += save(db, life, head)
        return changes, sessions.details(db, runtime, life.session, time), False

    changes, session, is_old = runtime.database.write(insert)
    publish(runtime, changes)
    return session, is_old


def accept(runtime: Runtime, agent: User, chat_session_id: int) -> TimedSession:
    """The agent takes a request: theirs, or one to any agent."""

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        if life.session["status"] != "waiting":
            _require(life, "active", "paused")
            return
        free = free_seconds(db, runtime.settings, life.session["client_id"], agent.id)
        life.accept(existing(store.users.by_id(db, agent.id)), free, now)

    if agent.role != "agent":
        raise Forbidden("Only an agent accepts a request.")
    return change(runtime, agent, chat_session_id, act, store.sessions.open_to_agent)


def decline(runtime: Runtime, agent: User, chat_session_id: int) -> TimedSession:
    """The agent does not take it."""
    return _end_request(runtime, agent, chat_session_id, "agent", "declined")


def cancel(runtime: Runtime, client: User, chat_session_id: int) -> TimedSession:
    """The client takes the request back."""
    return _end_request(runtime, client, chat_session_id, "client", "cancelled")


def end(runtime: Runtime, user: User, chat_session_id: int) -> TimedSession:
    """Either side ends it, a request too; ending twice gives the same answer."""

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        side = side_of(life.session, user.id)
        if life.session["status"] == "waiting":
            life.end("cancelled" if side == "client" else "declined", now)
        elif life.session["status"] != "ended":
            life.end(ENDED_BY[side], now)

    return change(runtime, user, chat_session_id, act)


def pause(runtime: Runtime, user: User, chat_session_id: int) -> TimedSession:
    """Either side stops the clock."""

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        reason = PAUSED_BY[side_of(life.session, user.id)]
        if life.session["pause_reason"] != reason:
            _require(life, "active", "paused")
            if life.session["pause_reason"] in (*PAUSED_BY.values(), *EXHAUSTED):
                raise WrongStatus(f"It is paused already: {life.session['pause_reason']}.")
            life.pause(reason, now)

    return change(runtime, user, chat_session_id, act)


def resume(runtime: Runtime, user: User, chat_session_id: int) -> TimedSession:
    """Go on: whoever paused it, and the client when the money has been seen to."""
    return change(runtime, user, chat_session_id, resuming(user))


def resuming(user: User) -> Act:
    """What that does."""

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        session, side = life.session, side_of(life.session, user.id)
        _require(life, "active", "paused")
        if session["status"] == "paused":
            if session["pause_reason"] in (PAUSED_BY[OTHER[side]], *(EXHAUSTED if side == "agent" else ())):
                raise Forbidden("Only the other side can resume it.")
            _require_money(session, now)
            life.resume(now)

    return act


def limit(runtime: Runtime, client: User, chat_session_id: int, limit_cents: int | None) -> TimedSession:
    """Set the spending limit, or lift it; what it had paused goes on."""

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        session = life.session
        _only("client", life, client)
        _require(life, "waiting", "active", "paused")
        so_far = bill(session, now)
        if limit_cents is not None and limit_cents < so_far.cents:
            raise InvalidParameter(
                f"spending_limit is below what it costs already, {Cents(so_far.cents)}.",
                field="spending_limit",
                least=Cents(so_far.cents),
            )
        is_waiting = session["status"] == "waiting"
        is_free = _may_be_free(db, runtime.settings, session) if is_waiting else so_far.free_seconds_left
        if not (so_far.cents or is_free):
            _require_limit(limit_cents, next_cost(session, now))
        if limit_cents != session["limit_cents"]:
            store.sessions.note_limit(db, chat_session_id, limit_cents, now)
        session |= {"limit_cents": limit_cents, "warned_seconds": None}
        if session["pause_reason"] == "spending_limit":
            _require_money(session, now)
            life.resume(now)

    return change(runtime, client, chat_session_id, act)


def transfer(runtime: Runtime, agent: User, chat_session_id: int, to_id: int, text: str = "") -> TimedSession:
    """Hand it to another agent; if they cost more, the client is asked first.

    The text is for the colleague: a note of the client's. Raises InvalidParameter, too.
    """
    said = texts.checked(text, "text", notes.CHARACTERS, shortest=0)

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        if life.session["agent_id"] == to_id and life.session["previous_agent_id"] == agent.id:
            return
        if life.session["agent_id"] != agent.id:
            raise NotFound
        _require(life, "active", "paused")
        if to_id == agent.id:
            raise InvalidParameter("agent_id is yours; name another agent.", field="agent_id")
        other = agents.available(db, runtime.settings, to_id, life.session["client_id"])
        notes.hand_over(db, agent, life.session, to_id, said, now)
        if other["rate_cents"] > life.session["rate_cents"]:
            life.session |= {"transfer_agent_id": to_id, "transfer_rate_cents": other["rate_cents"]}
        else:
            life.transfer(other, now)

    return change(runtime, agent, chat_session_id, act, store.sessions.of_agent)


def agree_to_transfer(
    runtime: Runtime, client: User, chat_session_id: int, agent_id: int, rate_cents: int
) -> TimedSession:
    """The client agrees to this dearer agent at this rate; raises OfferChanged if that is not the offer."""

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        session = life.session
        _only("client", life, client)
        _require(life, "active", "paused")
        if (session["transfer_agent_id"], session["transfer_rate_cents"]) == (agent_id, rate_cents):
            agents.available(db, runtime.settings, agent_id, client.id)
            agent = existing(store.users.by_id(db, agent_id))
            agent["rate_cents"] = min(rate_cents, agent["rate_cents"])
            session["max_rate_cents"] = max(rate_cents, session["max_rate_cents"])
            life.transfer(agent, now)
        elif session["agent_id"] != agent_id or session["rate_cents"] > rate_cents:
            raise OfferChanged(transfer=sessions.offer(session, runtime.settings, now))

    return change(runtime, client, chat_session_id, act)


def refuse_transfer(runtime: Runtime, client: User, chat_session_id: int) -> TimedSession:
    """The client stays with the agent whom they have."""

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        _only("client", life, client)
        life.session |= {"transfer_agent_id": None, "transfer_rate_cents": None}

    return change(runtime, client, chat_session_id, act)


def rate(
    runtime: Runtime,
    client: User,
    chat_session_id: int,
    rating: int,
    comment: str | None,
    is_public: bool = False,
) -> TimedSession:
    """The client's rating, after the end; a second one replaces the first, and may take the words back from
    the agent's page, where they are only if they are to be `is_public`. Raises InvalidParameter, too.
    """
    said = texts.checked(comment or "", "comment", 1000, shortest=0) or None

    def act(db: Connection, life: Lifecycle, now: int) -> None:
        _only("client", life, client)
        if life.session["accepted_at"] is None:
            raise WrongStatus("Nobody accepted this session.")
        _require(life, "ended")
        life.session |= {"rating": rating, "rating_comment": said}
        store.reviews.put(db, chat_session_id, existing(life.session["agent_id"]), is_public)

    return change(runtime, client, chat_session_id, act)


def free_seconds(db: Connection, settings: Settings, client_id: int, agent_id: int) -> int:
    """How long is not billed if the agent accepts now: the first session of the two is free for a while."""
    free = settings.free_seconds
    return 0 if free and store.sessions.had_free_seconds(db, client_id, agent_id) else free


def _agreed_cents(
    db: Connection, settings: Settings, client_id: int, agent_id: int | None, most_cents: int | None
) -> int:
    """What a minute costs at most: the agent's rate as it is now, or what any may take."""
    if agent_id is None:
        return existing(most_cents)
    rate: int = agents.available(db, settings, agent_id, client_id)["rate_cents"]
    if most_cents is not None and rate > most_cents:
        raise RateChanged(f"It is {Cents(rate)} now.", rate_per_minute=Cents(rate))
    return rate


def _require_first_increment(db: Connection, settings: Settings, row: SessionRow) -> None:
    """Limit and balance pay for what begins with the first second, unless that may be a free one."""
    if _may_be_free(db, settings, row):
        return
    price = next_cost(row, row["created_at"])
    _require_limit(row["limit_cents"], price)
    if settings.prepaid and (missing := price - row["balance_cents"]) > 0:
        raise InsufficientBalance(
            f"It begins with {Cents(price)}, and the balance is {Cents(row['balance_cents'])}.",
            missing=Cents(missing),
        )


def _may_be_free(db: Connection, settings: Settings, row: SessionRow) -> bool:
    """Whether a request begins with free seconds; of one to any agent nobody knows yet."""
    if (agent_id := row["agent_id"]) is None:
        return settings.free_seconds > 0
    return free_seconds(db, settings, row["client_id"], agent_id) > 0


def _require_limit(limit_cents: int | None, least: int) -> None:
    """A limit that pays for nothing would stop the clock before it starts."""
    if limit_cents is not None and limit_cents < least:
        raise InvalidParameter(
            f"spending_limit must be {Cents(least)} at least, what it begins with.",
            field="spending_limit",
            least=Cents(least),
        )


def _end_request(
    runtime: Runtime, user: User, chat_session_id: int, side: Side, reason: EndReason
) -> TimedSession:
    def act(db: Connection, life: Lifecycle, now: int) -> None:
        _only(side, life, user)
        if life.session["end_reason"] != reason:
            _require(life, "waiting")
            life.end(reason, now)

    return change(runtime, user, chat_session_id, act)


def _only(side: Side, life: Lifecycle, user: User) -> None:
    if side_of(life.session, user.id) != side:
        raise Forbidden(f"Only the {side} may do this.")


def _require(life: Lifecycle, *statuses: Status) -> None:
    session = life.session
    if session["status"] in statuses:
        return
    if session["status"] == "ended":
        raise SessionEnded(receipt=sessions.receipt_address(life.settings, session["id"]))
    raise WrongStatus(f"It is {session['status']}; that needs {' or '.join(statuses)}.")


def _require_money(session: SessionRow, now: int) -> None:
    exhausted = exhausted_at(session, now)
    if exhausted and exhausted[0] <= now:
        raise SpendingLimitReached if exhausted[1] == "spending_limit" else InsufficientBalance
