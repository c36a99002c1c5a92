"""The life of a chat session: what people do with it, and what time alone does; no database, only a row.

Waiting, accepted, silent, paused, away, out of money, ended: all of it is decided here, from the session's
row and an instant. Nothing is a timer in memory. Instants are milliseconds since 1970.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from chat import billing
from chat.billing import begun_minutes, bill, exhausted_at, next_debit
from chat.settings import Settings
from chat.store.rows import (
    EndReason,
    IntervalReason,
    IntervalRow,
    PauseReason,
    PayeeRow,
    SessionRow,
    Side,
    seen_at,
)
from chat.store.server import Time

# How long before a limit stops the clock both sides are told.
WARNINGS_SECONDS = (120, 60)
SIDES: tuple[Side, Side] = ("client", "agent")
ABSENT: dict[Side, PauseReason] = {"client": "client_absent", "agent": "agent_absent"}
PAUSED_BY: dict[Side, PauseReason] = {"client": "paused_by_client", "agent": "paused_by_agent"}
# Pauses that end when both sides are there again.
ABSENCES = (*ABSENT.values(), "outage")
# Pauses for want of money.
EXHAUSTED = ("spending_limit", "balance")
# What the clock did by itself: an absence that is found later, and began before, takes its place.
AUTOMATIC: tuple[IntervalReason, ...] = ("active", "inactive", "spending_limit", "balance")


class Switch(NamedTuple):
    """The open interval ends at `at`, and the next begins (none after the end, `reason` None)."""

    at: int
    reason: IntervalReason | None
    agent_id: int
    rate_cents: int
    message_id: int | None


class Cut(NamedTuple):
    """An absence since `at` was found: what of the `AUTOMATIC` intervals is after it has its reason."""

    at: int
    reason: PauseReason


Move = Switch | Cut


class Debit(NamedTuple):
    """What a prepaid session takes from the balance as this minute begins, or (below 0) gives back."""

    segment: int
    minute: int
    cents: int
    at: int


class _Timer(NamedTuple):
    """What happens by itself at this instant."""

    due_at: int
    act: Callable[..., None]
    argument: Any


def is_due(session: SessionRow, time: Time, settings: Settings) -> bool:
    """Whether something may have happened by itself that is not stored yet."""
    if is_out(time, settings) and session["status"] in ("active", "paused"):
        return True
    return session["due_at"] is not None and session["due_at"] <= time.now


def is_out(time: Time, settings: Settings) -> bool:
    """Whether there was no server since the last heartbeat."""
    return time.now - time.heartbeat_at > (0 if time.is_back else _ms(settings.outage_seconds))


def moved(intervals: Sequence[IntervalRow], moves: Iterable[Move]) -> list[IntervalRow]:
    """The intervals as they will be when these moves are stored; the new ones have the last one's agent."""
    found = [dict(cast(Any, each)) for each in intervals]
    for move in moves:
        if isinstance(move, Cut):
            found = [piece for each in found for piece in _cut(each, move)]
        elif found:
            found[-1]["ended_at"] = move.at
            if move.reason is not None:
                found.append({**found[-1], "reason": move.reason, "started_at": move.at, "ended_at": None})
    return cast(list[IntervalRow], found)


class Lifecycle:
    """One session's row, and what happens to it: by itself (`settle`), and by what people do.

    `session` is the changed copy of the row; `moves` and `debits` are to be stored with it, in order. The
    stored `intervals` are asked for when an absence is found that began before the clock last stopped.
    """

    def __init__(
        self, row: SessionRow, settings: Settings, intervals: Callable[[], Sequence[IntervalRow]]
    ) -> None:
        self.row = row
        self.session = cast(SessionRow, dict(cast(Any, row)))
        self.settings = settings
        self.moves: list[Move] = []
        self.debits: list[Debit] = []
        self.beside: list[Lifecycle] = []
        self._stored_intervals = intervals

    def settle(self, time: Time) -> None:
        """Let everything happen that has fallen due, as if somebody had looked all the time.

        Also in the sessions `beside` it, which are paid from the same balance: what one takes none of the
        others has, so it all happens in one order.
        """
        lives = sorted([self, *self.beside], key=lambda life: life.session["id"])
        if not any(is_due(life.session, time, life.settings) for life in lives):
            return
        while due := [
            (timer.due_at, life, timer)
            for life in lives
            for timer in life._timers(time)
            if timer.due_at <= time.now
        ]:
            _, whose, first = min(due, key=lambda each: each[0])
            first.act(first.argument, first.due_at)
            for life in lives:
                life.session["balance_cents"] = whose.session["balance_cents"]

    def due_at(self) -> int | None:
        """Before this instant nothing happens by itself, but for an outage."""
        return min((timer.due_at for timer in self._timers(None)), default=None)

    def accept(self, agent: PayeeRow, free_seconds: int, now: int) -> None:
        """The agent takes it, at their rate, or at the most that the client agreed to if that is less."""
        self.session |= {
            "accepted_at": now,
            "last_activity_at": now,
            "currency": self.settings.currency,
            "free_seconds": free_seconds,
            "free_agent_id": agent["id"] if free_seconds else None,
            "is_prepaid": int(self.settings.prepaid),
        }
        self._assign(agent, now)
        self.session["rate_cents"] = min(agent["rate_cents"], self.session["max_rate_cents"])
        self._activate(now)
        self._hold_without_money(now)
        if self.settings.billing_starts == "accept":
            self.start_clock(now, None)

    def transfer(self, agent: PayeeRow, now: int) -> None:
        """Another agent goes on, at their own rate; increments that have begun keep theirs."""
        so_far = bill(self.session, now)
        self._give_back(so_far.cents, now)
        later_seconds = so_far.billed_seconds - self.session["earlier_seconds"]
        metered = self.session["earlier_cent_seconds"] + later_seconds * self.session["rate_cents"]
        self.session |= {
            "paid_minutes": so_far.billed_minutes,
            "segment": self.session["segment"] + 1,
            "earlier_seconds": so_far.billed_seconds,
            "earlier_cent_seconds": metered,
            "previous_agent_id": self.session["agent_id"],
            "transfer_agent_id": None,
            "transfer_rate_cents": None,
            "last_activity_at": now,
        }
        self._assign(agent, now)
        if self.session["is_clock_started"]:
            self._switch(now, "transfer")
            self.session |= {"is_clock_started": 0, "clock_started_at": None}
        if self.session["status"] == "active":
            self.session["active_since"] = now
            self._hold_without_money(now)
        if self.settings.billing_starts == "accept":
            self.start_clock(now, None)

    def hear(self, side: Side, message_id: int, now: int) -> None:
        """Somebody writes: that ends a silence, and the agent's first message starts the clock."""
        self.session |= {"last_message_id": message_id, "last_activity_at": now}
        if self.session["pause_reason"] == "inactive":
            self.resume(now)
        if side == "agent" and not self.session["is_clock_started"]:
            self.start_clock(now, message_id)

    def start_clock(self, now: int, message_id: int | None) -> None:
        """From now on active time is billed."""
        if self.session["status"] in ("active", "paused"):
            self.session["is_clock_started"] = 1
            self._switch(now, self.session["pause_reason"] or "active", message_id)

    def pause(self, reason: PauseReason, at: int) -> None:
        """Stop the clock, from `at` or from when it last started."""
        at = max(at, self._active_since(), self.session["running_since"] or 0)
        self.session |= {"status": "paused", "pause_reason": reason, "paused_at": at}
        if self.session["is_clock_started"]:
            self._switch(at, reason)

    def resume(self, now: int) -> None:
        """Go on, if both are there; or else wait for who is not."""
        away = next((side for side in SIDES if not self._is_there(side, now)), None)
        if away is None:
            self._activate(now)
        elif self.session["pause_reason"] != ABSENT[away]:
            self.session["pause_reason"] = ABSENT[away]
            if self.session["is_clock_started"]:
                self._switch(now, ABSENT[away])

    def weigh(self, now: int) -> None:
        """The balance is another: a pause for want of money that it ends lasts from now on."""
        if self.session["pause_reason"] == "balance":
            exhausted = exhausted_at(self.session, now)
            if exhausted is None or exhausted[0] > now:
                self.session["paused_at"] = now

    def end(self, reason: EndReason, at: int) -> None:
        """Close it, and fix the total."""
        self._switch(at, None)
        so_far = bill(self.session, at)
        self._give_back(so_far.cents, at)
        self.session |= {
            "status": "ended",
            "end_reason": reason,
            "ended_at": at,
            "pause_reason": None,
            "transfer_agent_id": None,
            "transfer_rate_cents": None,
            "billed_seconds": so_far.billed_seconds,
            "total_cents": so_far.cents,
        }

    def _timers(self, time: Time | None) -> Iterator[_Timer]:
        """What will happen by itself if nobody does anything; an outage only with the `time`."""
        session, settings = self.session, self.settings
        if session["status"] == "waiting":
            yield _Timer(session["created_at"] + _ms(settings.request_seconds), self.end, "expired")
        elif session["status"] != "ended":
            yield from self._outage(time)
            yield from self._absences()
            if session["status"] == "paused":
                yield self._end_of_pause()
            else:
                yield from self._silence()
            if session["running_since"] is not None:
                yield from self._money(session["running_since"])

    def _outage(self, time: Time | None) -> Iterator[_Timer]:
        """From the last heartbeat until now nobody could be seen."""
        if time and is_out(time, self.settings) and self._excused_at() < time.now:
            if self.session["status"] == "active":
                since = max(time.heartbeat_at, self._active_since())
                yield _Timer(since, self._stop_for_outage, time.now)
            elif any(map(self._is_open, SIDES)):
                yield _Timer(time.heartbeat_at, self._excuse, time.now)

    def _absences(self) -> Iterator[_Timer]:
        """Of who is away for so long, an outage not counted; in a pause only if the clock ran meanwhile."""
        for side in SIDES:
            if self.session["status"] == "active" or self._is_open(side):
                awaited_since = max(seen_at(self.session, side), self._excused_at())
                due_at = awaited_since + _ms(self.settings.absence_seconds)
                yield _Timer(max(due_at, self._seen(side)), self._find_absent, side)

    def _end_of_pause(self) -> _Timer:
        """Not before each absence is known that began before the pause."""
        session, settings, paused_at = self.session, self.settings, self.session["paused_at"] or 0
        known_at = max(paused_at, self._excused_at()) + _ms(settings.absence_seconds)
        if session["pause_reason"] == "inactive":
            silent_until = session["last_activity_at"] + _ms(settings.silence_end_seconds)
            return _Timer(max(known_at, silent_until), self.end, "inactive")
        if session["pause_reason"] in EXHAUSTED:
            exhausted_until = paused_at + _ms(settings.silence_end_seconds)
            return _Timer(max(known_at, exhausted_until), self.end, "spending_limit")
        return _Timer(max(known_at, paused_at + _ms(settings.abandon_seconds)), self.end, "inactive")

    def _silence(self) -> Iterator[_Timer]:
        silent_since = max(self.session["last_activity_at"], self._active_since())
        if (self.session["prompted_at"] or 0) < silent_since:
            yield _Timer(silent_since + _ms(self.settings.silence_prompt_seconds), self._prompt, None)
        yield _Timer(silent_since + _ms(self.settings.silence_pause_seconds), self.pause, "inactive")

    def _money(self, since: int) -> Iterator[_Timer]:
        """With the clock running since then."""
        session = self.session
        # First of what is due at one instant: the second that ends then is paid for.
        if debit := next_debit(session):
            paid_seconds, cents = debit
            first_second = session["free_seconds"] + paid_seconds + 1
            at = since + _ms(first_second) - session["billed_ms"]
            yield _Timer(at, self._debit, (begun_minutes(paid_seconds + 1), cents))
        if exhausted := exhausted_at(session, since):
            at, reason = exhausted
            yield _Timer(at, self.pause, reason)
            for seconds in WARNINGS_SECONDS:
                if (session["warned_seconds"] or seconds + 1) > seconds:
                    yield _Timer(at - _ms(seconds), self._warn, seconds)

    def _prompt(self, _: None, at: int) -> None:
        self.session["prompted_at"] = at

    def _warn(self, seconds: int, at: int) -> None:
        self.session["warned_seconds"] = seconds

    def _debit(self, first: tuple[int, int], at: int) -> None:
        """From the minute on that is the first, as the counter is that goes on through free ones too."""
        minute, cents = first
        self.session["paid_minutes"] = max(self.session["paid_minutes"] + 1, minute)
        self._pay(cents, at)

    def _give_back(self, cents: int, at: int) -> None:
        """What was taken beyond so much."""
        if self.session["paid_cents"] > cents:
            self._pay(cents - self.session["paid_cents"], at)

    def _pay(self, cents: int, at: int) -> None:
        session = self.session
        session["paid_cents"] += cents
        session["balance_cents"] -= cents
        self.debits.append(Debit(session["segment"], session["paid_minutes"], cents, at))

    def _stop_for_outage(self, now: int, at: int) -> None:
        self.pause("outage", at)
        self._excuse(now, at)

    def _excuse(self, now: int, _: int) -> None:
        self.session["excused_at"] = now

    def _find_absent(self, side: Side, at: int) -> None:
        """Away since their last sign of life, whatever was stored since: that time is not billed.

        Of a client who was away not long before, the time is billed until they are found to be.
        """
        session, reason = self.session, ABSENT[side]
        since = self._seen(side) if self._takes_back(side, at) else at
        ran = session["running_since"] is not None or (session["stopped_at"] or 0) > since
        if session["running_since"] is not None:
            self._switch(max(since, session["running_since"]), reason)
        if (session["stopped_at"] or 0) > since:
            self._cut_back(Cut(since, reason))
        is_automatic = session["pause_reason"] in AUTOMATIC and (session["paused_at"] or 0) > since
        if session["status"] == "active" or is_automatic:
            session |= {"status": "paused", "pause_reason": reason, "paused_at": since}
        if side == "client" and ran:
            session["steady_from_ms"] = session["billed_ms"]

    def _cut_back(self, cut: Cut) -> None:
        """Turn the intervals since then into an absence, and sum up again what is left of them."""
        session = self.session
        self.moves.append(cut)
        intervals = moved(self._stored_intervals(), self.moves)
        earlier = [each for each in intervals if each["started_at"] < (session["agent_since"] or 0)]
        charged = billing.charges(billing.active_parts(earlier, cut.at), session["free_seconds"], session)
        session |= {
            "billed_ms": sum(ms for ms, *_ in billing.active_parts(intervals, cut.at)),
            "stopped_at": cut.at,
            "earlier_seconds": sum(each.increments * each.seconds for each in charged),
            "earlier_cent_seconds": sum(each.increments * each.seconds * each.rate_cents for each in charged),
            "warned_seconds": None,
        }
        if session["steady_from_ms"] is not None:
            session["steady_from_ms"] = min(session["steady_from_ms"], session["billed_ms"])

    def _takes_back(self, side: Side, at: int) -> bool:
        """Whether an absence that is found now counts from the last sign of life."""
        if side == "agent" or self.session["steady_from_ms"] is None:
            return True
        since = self.session["running_since"]
        billed_ms = self.session["billed_ms"] + (0 if since is None else at - since)
        return billed_ms - self.session["steady_from_ms"] >= _ms(self.settings.steady_seconds)

    def _active_since(self) -> int:
        """When it was last accepted or resumed; 0 before."""
        return self.session["active_since"] or 0

    def _seen(self, side: Side) -> int:
        """The last sign of life; or since when it is their session, where that was later."""
        since = self.session["accepted_at"] if side == "client" else self.session["agent_since"]
        return max(seen_at(self.session, side), since or 0)

    def _excused_at(self) -> int:
        """The end of the last outage; 0 before."""
        return self.session["excused_at"] or 0

    def _is_open(self, side: Side) -> bool:
        """Whether the clock has run since then, and stands, so that an absence would change the bill."""
        return (self.session["stopped_at"] or 0) > self._seen(side) and self._takes_back(side, 0)

    def _assign(self, agent: PayeeRow, now: int) -> None:
        self.session |= {
            "agent_since": now,
            "agent_id": agent["id"],
            "agent_name": agent["name"],
            "agent_seen_at": agent["seen_at"],
            "rate_cents": agent["rate_cents"],
            "warned_seconds": None,
        }

    def _activate(self, now: int) -> None:
        self.session |= {"status": "active", "active_since": now, "paused_at": None, "pause_reason": None}
        if self.session["is_clock_started"]:
            self._switch(now, "active")

    def _hold_without_money(self, now: int) -> None:
        """A clock that could not run for a second does not start."""
        if (exhausted := exhausted_at(self.session, now)) and exhausted[0] <= now:
            self.pause(exhausted[1], now)

    def _is_there(self, side: Side, now: int) -> bool:
        return now < seen_at(self.session, side) + _ms(self.settings.absence_seconds)

    def _switch(self, at: int, reason: IntervalReason | None, message_id: int | None = None) -> None:
        session = self.session
        if session["running_since"] is not None:
            session["billed_ms"] += at - session["running_since"]
            session["stopped_at"] = at
        session["running_since"] = at if reason == "active" else None
        if reason == "active" and session["clock_started_at"] is None:
            session["clock_started_at"] = at
        if session["agent_id"] is not None:
            self.moves.append(Switch(at, reason, session["agent_id"], session["rate_cents"], message_id))


def _ms(seconds: int) -> int:
    return seconds * 1000


def _cut(interval: dict[str, Any], cut: Cut) -> list[dict[str, Any]]:
    """Its parts before and after, one of which may be all of it."""
    ended_at = interval["ended_at"]
    if interval["reason"] not in AUTOMATIC or (ended_at is not None and ended_at <= cut.at):
        return [interval]
    after = {**interval, "reason": cut.reason, "started_at": max(cut.at, interval["started_at"])}
    return [after] if interval["started_at"] >= cut.at else [{**interval, "ended_at": cut.at}, after]
