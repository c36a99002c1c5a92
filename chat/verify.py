"""The check that computes every bill again: the books by themselves, and the tables against the books."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from chat import billing, books, store
from chat.books import Content, Credited
from chat.database.connection import Connection
from chat.money import Cents
from chat.store.rows import BookRow, IntervalRow, LedgerRow, SessionRow

# Above every revision.
EVER = 2**62
# The fields of a charge, as billing.Charge has them.
CHARGED = ("count", "seconds", "rate_cents", "agent_id", "cents")
OF_MINUTES = ("minute", "minute_refund")


class _Books:
    """What the books say, by what it is about."""

    def __init__(self) -> None:
        self.terms: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        self.receipts: dict[int, tuple[int, Content]] = {}
        self.credits: defaultdict[int, list[Credited]] = defaultdict(list)
        self.ledger: dict[int, dict[str, Any]] = {}

    def take(self, row: BookRow) -> None:
        content, chat_session_id = books.read(row), row["chat_session_id"] or 0
        if row["kind"] == "terms":
            self.terms[chat_session_id].append(content)
        elif row["kind"] == "receipt":
            self.receipts[chat_session_id] = row["number"], content
        elif row["kind"] == "credit":
            self.credits[chat_session_id].append(content)
        else:
            self.ledger[row["number"]] = content["row"]

    def sessions(self) -> set[int]:
        """Those that there must be."""
        return self.terms.keys() | self.receipts.keys() | self.credits.keys()


def differences(db: Connection, since: str | None = None) -> Iterator[str]:
    """Everything that is not as it must be; with `since`, that head of the past is still in the books."""
    found = _Books()
    yield from _chain(db, found, since)
    ids = store.sessions.all_ids(db)
    for lost in sorted((found.sessions() | set(range(1, max(ids, default=0)))) - set(ids)):
        yield f"session {lost}: it is gone"
    ledger, owners = _ledger_by_session(db), dict[int, int]()
    for chat_session_id in ids:
        row = store.sessions.by_id(db, chat_session_id)
        if row is None:
            yield f"session {chat_session_id}: its client or its agent is gone"
            continue
        owners[chat_session_id] = row["client_id"]
        intervals = store.intervals.of_session(db, chat_session_id)
        paid = ledger[chat_session_id]
        for difference in (
            *_row(row, intervals),
            *_messages(db, row, intervals),
            *_agreed(row, intervals, found.terms[chat_session_id]),
            *_money(row, intervals, paid),
            *_receipt(row, intervals, found.receipts.get(chat_session_id)),
            *_credits(row, paid, found),
        ):
            yield f"session {chat_session_id}: {difference}"
    yield from _ledger(store.ledger.everything(db), found.ledger, owners)
    for user in store.ledger.wrong_balances(db):
        yield (
            f"user {user['id']}: the balance is {Cents(user['balance_cents'])}, "
            f"the ledger says {Cents(user['ledger_cents'])}"
        )


def _chain(db: Connection, found: _Books, since: str | None) -> Iterator[str]:
    """Each entry carries the hash of the one before, and none is missing."""
    before, sequence, numbers, issued_at, is_known = "", 0, Counter[str](), 0, not since
    for row in store.books.everything(db):
        sequence += 1
        numbers[row["kind"]] += 1
        name = f"books {row['sequence']}"
        if row["sequence"] != sequence:
            yield f"{name}: the one before has the number {sequence - 1}"
            sequence = row["sequence"]
        if row["hash"] != store.books.hash_of(row["content"]):
            yield f"{name}: its content has another hash"
        if row["previous_hash"] != before:
            yield f"{name}: it does not follow the one before"
        if row["number"] != numbers[row["kind"]]:
            yield f"{name}: the {row['kind']} before has another number than {row['number'] - 1}"
            numbers[row["kind"]] = row["number"]
        if row["issued_at"] < issued_at:
            yield f"{name}: it is older than the one before"
        before, issued_at = row["hash"], row["issued_at"]
        is_known = is_known or before == since
        found.take(row)
    if not is_known:
        yield f"books: they do not have the entry {since} any more; what was newer may be gone too"


def _row(row: SessionRow, intervals: Sequence[IntervalRow]) -> Iterator[str]:
    """The session's row against its intervals."""
    for first, second in pairwise(intervals):
        if first["ended_at"] != second["started_at"]:
            yield f"interval {second['id']} does not begin where interval {first['id']} ends"
    closed = [each for each in intervals if each["ended_at"] is not None]
    closed_ms = sum(ms for ms, *_ in billing.active_parts(closed, 0))
    if closed_ms != row["billed_ms"]:
        yield f"{row['billed_ms']} ms are billed, the intervals are {closed_ms} ms"
    last = intervals[-1] if intervals else None
    is_open = row["status"] != "ended"
    # While nobody has written since a hand-over, it may be handed on; then its interval is the first one's.
    is_transfer = last is not None and last["reason"] == "transfer"
    if last and not is_transfer and _payee(last) != _payee(row):
        yield f"the last interval has another agent or rate than the session, {Cents(row['rate_cents'])}"
    if not row["is_clock_started"] and not is_transfer and len(closed) < len(intervals):
        yield "an interval is open, and no clock has started"
    running_since = None
    if last and last["ended_at"] is None and last["reason"] == "active":
        running_since = last["started_at"]
    if is_open and running_since != row["running_since"]:
        yield f"the clock runs since {row['running_since']}, by its intervals since {running_since}"
    if last and is_open and row["is_clock_started"]:
        if last["ended_at"] is not None:
            yield "it goes on, and no interval is open"
        elif last["reason"] not in ("transfer", row["pause_reason"] or "active"):
            yield f"it is {row['pause_reason'] or row['status']}, the open interval is {last['reason']}"
    if last and not is_open and last["ended_at"] is not None and last["ended_at"] > (row["ended_at"] or 0):
        yield "its last interval is longer than it"
    if not is_open and len(closed) < len(intervals):
        yield "it has ended, and an interval is open"
    if intervals and intervals[0]["started_at"] < (row["accepted_at"] or row["created_at"]):
        yield "its first interval began before it was accepted"


def _payee(row: SessionRow | IntervalRow) -> tuple[int | None, int]:
    return row["agent_id"], row["rate_cents"]


def _messages(db: Connection, row: SessionRow, intervals: Sequence[IntervalRow]) -> Iterator[str]:
    """The messages that an interval spans are the session's, and of its time."""
    for each in intervals:
        for message_id in filter(None, {each["first_message_id"], each["last_message_id"]}):
            sent_at = store.messages.sent_at(db, row["id"], message_id)
            if sent_at is None:
                yield f"message {message_id} of interval {each['id']} is not the session's"
            elif each["ended_at"] is not None and sent_at > each["ended_at"]:
                yield f"message {message_id} is later than interval {each['id']}"
    newest = store.messages.newest_id(db, row["id"], EVER)
    if newest != row["last_message_id"]:
        yield f"its last message is {row['last_message_id']}, and there is {newest}"


def _agreed(
    row: SessionRow, intervals: Sequence[IntervalRow], terms: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """What was agreed when it was accepted, or handed over, is what counts."""
    if row["accepted_at"] is not None and row["status"] != "ended" and not terms:
        yield "nothing says what was agreed"
    if not terms:
        return
    columns: dict[str, Any] = {**row}
    for name, value in terms[-1].items():
        if name in books.TERMS and columns[name] != value:
            yield f"{name} is {columns[name]}, agreed was {value}"
    agreed = {(each["agent_id"], each["rate_cents"]) for each in terms}
    if terms[0]["segment"]:
        return  # From before the books: what was agreed first, nobody wrote down.
    for each in intervals:
        if _payee(each) not in agreed:
            rate = Cents(each["rate_cents"])
            yield f"interval {each['id']} is of agent {each['agent_id']} at {rate}, which was not agreed"


def _money(row: SessionRow, intervals: Sequence[IntervalRow], paid: Sequence[LedgerRow]) -> Iterator[str]:
    """The totals, by the intervals that are closed; and what was taken from the balance."""
    closed = [each for each in intervals if each["ended_at"] is not None]
    charged = billing.charges(billing.active_parts(closed, 0), row["free_seconds"], row)
    total = billing.total(charged)
    if row["segment"] or row["earlier_seconds"] or row["earlier_cent_seconds"]:
        yield from _earlier(row, closed)
    if row["limit_cents"] is not None and total > row["limit_cents"]:
        yield f"it costs {Cents(total)}, above its limit of {Cents(row['limit_cents'])}"
    if row["ended_at"] is not None:
        seconds = sum(each.increments * each.seconds for each in charged)
        if row["total_cents"] is None:
            yield f"it has no total, the intervals make {Cents(total)}"
        elif total != row["total_cents"]:
            yield f"the total is {Cents(row['total_cents'])}, the intervals make {Cents(total)}"
        if seconds != row["billed_seconds"]:
            yield f"{row['billed_seconds']} s are billed, the intervals make {seconds} s"
    yield from _taken(row, total, [each for each in paid if each["kind"] in OF_MINUTES])


def _earlier(row: SessionRow, closed: Sequence[IntervalRow]) -> Iterator[str]:
    """What began with the agents before."""
    before = [each for each in closed if each["started_at"] < (row["agent_since"] or 0)]
    charged = billing.charges(billing.active_parts(before, 0), row["free_seconds"], row)
    seconds = sum(each.increments * each.seconds for each in charged)
    cent_seconds = sum(each.increments * each.seconds * each.rate_cents for each in charged)
    if (seconds, cent_seconds) != (row["earlier_seconds"], row["earlier_cent_seconds"]):
        said = row["earlier_seconds"], row["earlier_cent_seconds"]
        yield f"{said} (cent-)seconds are of agents before, the intervals make {seconds, cent_seconds}"


def _taken(row: SessionRow, total: int, minutes: Sequence[LedgerRow]) -> Iterator[str]:
    """What was taken from the client's balance for minutes of it."""
    if minutes and not row["is_prepaid"]:
        yield "minutes of it were taken from a balance, and it is not prepaid"
    taken = -sum(each["amount_cents"] for each in minutes)
    if row["is_prepaid"] and row["ended_at"] is not None and taken != total:
        yield f"the ledger has {Cents(taken)} for it, the intervals make {Cents(total)}"
    if taken != row["paid_cents"]:
        yield f"{Cents(row['paid_cents'])} are paid, the ledger has {Cents(taken)}"
    last = max((each["minute"] or 0 for each in minutes if each["segment"] == row["segment"]), default=0)
    if (last or not row["segment"]) and row["paid_minutes"] != last:
        yield f"{row['paid_minutes']} minutes are paid, the ledger has {last}"
    for each in minutes:
        if each["user_id"] != row["client_id"]:
            yield f"ledger entry {each['id']} is of user {each['user_id']}, who is not its client"


def _receipt(
    row: SessionRow, intervals: Sequence[IntervalRow], issued: tuple[int, Content] | None
) -> Iterator[str]:
    """The receipt against what it was made from."""
    if issued is None:
        if row["status"] == "ended" and books.is_due(row):
            yield "it has no receipt"
        return
    number, content = issued
    for name, value in books.lasting(row).items():
        if name in content["session"] and content["session"][name] != value:
            yield f"{name} is {value}, receipt {number} says {content['session'][name]}"
    if row["status"] != "ended":
        yield f"it goes on, and has receipt {number}"
    yield from _intervals(intervals, content, number)
    yield from _sums(content, number)


def _intervals(intervals: Sequence[IntervalRow], content: Content, number: int) -> Iterator[str]:
    """Those of the receipt are those that there are; names may have changed."""
    stored = {each["id"]: each for each in intervals}
    issued = {each["id"]: each for each in content["intervals"]}
    for interval_id in sorted(stored.keys() ^ issued.keys()):
        yield f"interval {interval_id} is {'not on' if interval_id in stored else 'only on'} receipt {number}"
    for interval_id in sorted(stored.keys() & issued.keys()):
        was: dict[str, Any] = {**issued[interval_id]}
        now = store.books.columns(stored[interval_id])
        for name, value in was.items():
            if name != "agent_name" and now[name] != value:
                yield f"{name} of interval {interval_id} is {now[name]}, receipt {number} says {value}"


def _sums(content: Content, number: int) -> Iterator[str]:
    """A receipt adds up by itself."""
    parts = billing.active_parts(content["intervals"], 0)
    session: Any = content["session"]
    charged = billing.charges(parts, content["free_seconds"], session)
    total = billing.total(charged)
    tax = books.tax(total, content["vat_rate"], content["vat_note"])
    if sum(ms for ms, *_ in parts) != content["active_ms"]:
        yield f"receipt {number} says {content['active_ms']} ms, and its intervals are others"
    said = [tuple(each[name] for name in CHARGED) for each in content["charges"]]  # type: ignore[literal-required]
    if [tuple(each) for each in charged] != said or total != content["total_cents"]:
        yield f"receipt {number} says {Cents(content['total_cents'])}, its intervals make {Cents(total)}"
    if (tax["net_cents"], tax["vat_cents"]) != (content["net_cents"], content["vat_cents"]):
        yield f"the tax on receipt {number} is not {content['vat_rate'] or 0} per cent"


def _credits(row: SessionRow, paid: Sequence[LedgerRow], found: _Books) -> Iterator[str]:
    """Credits are for its receipt, together no more than that, and in the ledger where it was prepaid."""
    credits = found.credits.get(row["id"], [])
    number, content = found.receipts.get(row["id"], (None, None))
    credited = sum(each["total_cents"] for each in credits)
    if credited > (content["total_cents"] if content else 0):
        yield f"{Cents(credited)} are credited, more than its receipt"
    entries = {each["id"]: each["amount_cents"] for each in paid if each["kind"] == "credit"}
    wanted = {each["ledger_id"]: each["total_cents"] for each in credits if each["is_to_balance"]}
    if entries != wanted:
        yield "its credits are not those in the ledger"
    for each in credits:
        if each["receipt"] != number:
            yield f"a credit of it is for receipt {each['receipt']}"
        if each["net_cents"] + each["vat_cents"] != each["total_cents"]:
            yield "the tax of a credit does not add up"
        if sum(share["cents"] for share in each["shares"]) != each["total_cents"]:
            yield "the agents' shares of a credit do not add up"


def _ledger(
    rows: Sequence[LedgerRow], sealed: dict[int, dict[str, Any]], owners: dict[int, int]
) -> Iterator[str]:
    """The ledger's entries are those in the books, to the letter."""
    there = {row["id"]: row for row in rows}
    for entry_id in sorted(sealed.keys() - there.keys()):
        yield f"ledger {entry_id}: it is gone"
    for entry_id, row in there.items():
        now = store.books.columns(row)
        if entry_id not in sealed:
            yield f"ledger {entry_id}: it is not in the books"
        for name, value in sealed.get(entry_id, {}).items():
            if now[name] != value:
                yield f"ledger {entry_id}: {name} is {now[name]}, the books say {value}"
        if row["chat_session_id"] is not None and row["chat_session_id"] not in owners:
            yield f"ledger {entry_id}: its session is gone"


def _ledger_by_session(db: Connection) -> defaultdict[int, list[LedgerRow]]:
    found: defaultdict[int, list[LedgerRow]] = defaultdict(list)
    for row in store.ledger.everything(db):
        if row["chat_session_id"] is not None:
            found[row["chat_session_id"]].append(row)
    return found
