"""The life of a chat session: what people do with it, and what time alone does; no database, only a row.

Waiting, accepted, silent, paused, away, out of money, ended: all of it is decided here, from the session's
row and an instant. Nothing is a timer in memory. Instants are milliseconds since 1970.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

from chat.billing import MINUTE_SECONDS, Bill, bill, exhausted_at
from chat.settings import Settings
from chat.store.rows import EndReason, IntervalReason, PauseReason, PayeeRow, SessionRow, Side, seen_at
from chat.store.server import Time

# How long before a limit stops the clock both sides are told.
WARNINGS_SECONDS = (120, 60)
SIDES: tuple[Side, Side] = ("client", "agent")
ABSENT: dict[Side, PauseReason] = {"client": "client_absent", "agent": "agent_absent"}
# Pauses that end when both sides are there again.
ABSENCES = (*ABSENT.values(), "outage")
# Pauses for want of money.
EXHAUSTED = ("spending_limit", "balance")


class Switch(NamedTuple):
    """The open interval ends at `at`, and the next begins (none after the end, `reason` None)."""

    at: int
    reason: IntervalReason | None
    agent_id: int
    rate_cents: int
    message_id: int | None


class Debit(NamedTuple):
    """A minute that a prepaid session has begun."""

    minute: int
    cents: int
    at: int


class _Timer(NamedTuple):
    """What falls due at `due_at`, and takes effect from `at`, maybe earlier."""

    due_at: int
    at: int
    act: Callable[..., None]
    argument: Any


def is_due(session: SessionRow, time: Time, settings: Settings) -> bool:
    """Whether something may have happened by itself that is not stored yet."""
    if session["status"] == "active" and time.now - time.heartbeat_at > _ms(settings.outage_seconds):
        return True
    return session["due_at"] is not None and session["due_at"] <= time.now


def settled(row: SessionRow, time: Time, settings: Settings) -> SessionRow:
    """The row as it stands at this instant, whether that is stored yet or not."""
    if not is_due(row, time, settings):
        return row
    life = Lifecycle(row, settings)
    life.settle(time)
    return life.session


class Lifecycle:
    """One session's row, and what happens to it: by itself (`settle`), and by what people do.

    `session` is the changed copy of the row; `switches` and `debits` are to be stored with it, and what was
    paid of the row's segment for minutes after `refund_after` is to be given back.
    """

    def __init__(self, row: SessionRow, settings: Settings) -> None:
        self.row = row
        self.session = cast(SessionRow, dict(cast(Any, row)))
        self.settings = settings
        self.switches: list[Switch] = []
        self.debits: list[Debit] = []
        self.refund_after: int | None = None

    def settle(self, time: Time) -> None:
        """Let everything happen that has fallen due, in the order in which it takes effect."""
        if not is_due(self.session, time, self.settings):
            return
        while due := [timer for timer in self._timers(time) if timer.due_at <= time.now]:
            first = min(due, key=lambda timer: timer.at)
            first.act(first.argument, first.at)

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
            "is_prepaid": int(self.settings.prepaid),
        }
        self._assign(agent)
        self.session["rate_cents"] = min(agent["rate_cents"], self.session["max_rate_cents"])
        self._activate(now)
        self._hold_without_money(now)
        if self.settings.billing_starts == "accept":
            self.start_clock(now, None)

    def transfer(self, agent: PayeeRow, now: int) -> None:
        """Another agent goes on, at their own rate; minutes that have begun keep theirs."""
        so_far = bill(self.session, now)
        self.refund_after = so_far.billed_minutes
        self.session |= {
            "balance_cents": self.session["balance_cents"] + self._unused_cents(so_far),
            "paid_minutes": min(self.session["paid_minutes"], so_far.billed_minutes),
            "segment": self.session["segment"] + 1,
            "earlier_minutes": so_far.billed_minutes,
            "earlier_cents": so_far.cents,
            "previous_agent_id": self.session["agent_id"],
            "transfer_agent_id": None,
            "transfer_rate_cents": None,
            "last_activity_at": now,
        }
        self._assign(agent)
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

    def end(self, reason: EndReason, at: int) -> None:
        """Close it, and fix the total."""
        self._switch(at, None)
        so_far = bill(self.session, at)
        self.refund_after = so_far.billed_minutes
        self.session |= {
            "status": "ended",
            "end_reason": reason,
            "ended_at": at,
            "pause_reason": None,
            "transfer_agent_id": None,
            "transfer_rate_cents": None,
            "total_cents": so_far.cents,
        }

    def _timers(self, time: Time | None) -> Iterator[_Timer]:
        """What will happen by itself if nobody does anything; an outage only with the `time`."""
        session, settings = self.session, self.settings
        if session["status"] == "waiting":
            yield _at(session["created_at"] + _ms(settings.request_seconds), self.end, "expired")
        elif session["status"] == "paused":
            yield self._end_of_pause()
        elif session["status"] == "active":
            since = self._active_since()
            if time and time.heartbeat_at < time.now - _ms(settings.outage_seconds):
                yield _at(max(time.heartbeat_at, since), self.pause, "outage")
            for side in SIDES:
                seen = seen_at(session, side)
                due_at = seen + _ms(settings.absence_seconds)
                yield _Timer(due_at, max(seen, since), self.pause, ABSENT[side])
            yield from self._silence()
            if session["running_since"] is not None:
                yield from self._money(session["running_since"])

    def _end_of_pause(self) -> _Timer:
        session, settings, paused_at = self.session, self.settings, self.session["paused_at"] or 0
        if session["pause_reason"] == "inactive":
            silent_until = session["last_activity_at"] + _ms(settings.silence_end_seconds)
            return _at(max(paused_at, silent_until), self.end, "inactive")
        if session["pause_reason"] in EXHAUSTED:
            return _at(paused_at + _ms(settings.silence_end_seconds), self.end, "spending_limit")
        return _at(paused_at + _ms(settings.abandon_seconds), self.end, "inactive")

    def _silence(self) -> Iterator[_Timer]:
        silent_since = max(self.session["last_activity_at"], self._active_since())
        if (self.session["prompted_at"] or 0) < silent_since:
            yield _at(silent_since + _ms(self.settings.silence_prompt_seconds), self._prompt, None)
        yield _at(silent_since + _ms(self.settings.silence_pause_seconds), self.pause, "inactive")

    def _money(self, since: int) -> Iterator[_Timer]:
        """With the clock running since then."""
        session = self.session
        if exhausted := exhausted_at(session, since):
            at, reason = exhausted
            yield _at(at, self.pause, reason)
            for seconds in WARNINGS_SECONDS:
                if (session["warned_seconds"] or seconds + 1) > seconds:
                    yield _at(at - _ms(seconds), self._warn, seconds)
        if session["is_prepaid"] and 0 < session["rate_cents"] <= session["balance_cents"]:
            first_second = session["free_seconds"] + session["paid_minutes"] * MINUTE_SECONDS + 1
            yield _at(since + _ms(first_second) - session["billed_ms"], self._debit, None)

    def _prompt(self, _: None, at: int) -> None:
        self.session["prompted_at"] = at

    def _warn(self, seconds: int, at: int) -> None:
        self.session["warned_seconds"] = seconds

    def _debit(self, _: None, at: int) -> None:
        rate = self.session["rate_cents"]
        self.session["paid_minutes"] += 1
        self.session["balance_cents"] -= rate
        self.debits.append(Debit(self.session["paid_minutes"], rate, at))

    def _active_since(self) -> int:
        """When it was last accepted or resumed; 0 before."""
        return self.session["active_since"] or 0

    def _unused_cents(self, so_far: Bill) -> int:
        """What was taken for minutes that then were found not to be due."""
        minutes = max(0, self.session["paid_minutes"] - so_far.billed_minutes)
        return minutes * self.session["rate_cents"]

    def _assign(self, agent: PayeeRow) -> None:
        self.session |= {
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
        session["running_since"] = at if reason == "active" else None
        if reason == "active" and session["clock_started_at"] is None:
            session["clock_started_at"] = at
        if session["agent_id"] is not None:
            self.switches.append(Switch(at, reason, session["agent_id"], session["rate_cents"], message_id))


def _ms(seconds: int) -> int:
    return seconds * 1000


def _at(at: int, act: Callable[..., None], argument: Any) -> _Timer:
    """What takes effect when it falls due."""
    return _Timer(at, at, act, argument)
