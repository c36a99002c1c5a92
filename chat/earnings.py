"""What agents earn: their share by month, what they were paid, and what is owed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Literal
from zoneinfo import ZoneInfo

from chat import audit, clock, shares, sheets, store, texts
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import IdempotencyMismatch, InvalidParameter, NotFound, existing
from chat.money import LARGEST, Cents
from chat.periods import day_of
from chat.runtime import Runtime
from chat.shares import Tally
from chat.store.rows import AuditKind, PayoutRow, UserRow
from chat.store.statistics import QUARTER_MS
from chat.wire import Account, Month, Payout, Statement

Kind = Literal["payout", "taken_back"]
COLUMNS = ("currency", "month", "sessions", "minutes", "gross", "share", "credits", "paid_out", "balance")


def statement(runtime: Runtime, reader: User | None, agent_id: int) -> Statement:
    """Of an agent, for themselves, an administrator, or (None) the server's console; else NotFound.

    A session counts in the month in which it ended, in the server's time zone, a payout in that in which it
    was recorded.
    """
    if reader is not None and reader.role != "admin" and reader.id != agent_id:
        raise NotFound
    zone = ZoneInfo(runtime.settings.time_zone)

    def read(db: Connection) -> Statement:
        agent, payouts = _agent(db, agent_id), store.payouts.of_agent(db, agent_id)
        own, currencies = agent["share_percent"], store.payouts.currencies(db)
        now, *before = [_account(db, agent_id, each, payouts, zone) for each in currencies]
        return {
            "agent": {"id": agent_id, "name": agent["name"]},
            "share_percent": runtime.settings.agent_share if own is None else own,
            "accounts": [now, *(account for account in before if account["months"])],
            "payouts": [_payout(row) for row in reversed(payouts)],
        }

    return runtime.database.read_slowly(read)


def pay_out(
    runtime: Runtime,
    actor: User | None,
    agent_id: int,
    kind: Kind,
    cents: int,
    reason: str,
    key: str | None = None,
) -> tuple[Payout, bool]:
    """Record what an agent was paid, or that it came back: (the payout, whether it was recorded before).

    `actor` is an administrator, or None at the server's console; what they recorded with the `key` is not
    recorded again. It may be more than is owed: what was paid was paid. Raises Forbidden, NotFound,
    InvalidParameter, IdempotencyMismatch.
    """
    audit.only_administrators(actor)
    if not 1 <= cents <= LARGEST:
        raise InvalidParameter(f"amount must be from {Cents(1)} to {Cents(LARGEST)}", field="amount")
    reason = texts.checked(reason, "reason", 500)
    amount, actor_id = (cents if kind == "payout" else -cents), (None if actor is None else actor.id)

    def write(db: Connection) -> tuple[PayoutRow, bool]:
        earlier = store.payouts.by_key(db, actor_id, key) if key else None
        if earlier is None:
            agent, now = _agent(db, agent_id), store.server.now(db)
            done: AuditKind = "paid_out" if kind == "payout" else "taken_back"
            audit.note(db, actor, done, agent_id, detail=f"{Cents(cents)} {runtime.settings.currency}")
            return store.payouts.insert(db, agent["id"], kind, amount, actor_id, reason, key, now), False
        if (earlier["agent_id"], earlier["amount_cents"], earlier["reason"]) != (agent_id, amount, reason):
            raise IdempotencyMismatch
        return earlier, True

    row, is_old = runtime.database.write(write)
    return _payout(row), is_old


def as_csv(found: Statement) -> str:
    """The months of all accounts as a table (RFC 4180), amounts with a point before their decimals."""
    return sheets.as_csv(
        COLUMNS,
        (
            {"currency": account["currency"], **month}
            for account in found["accounts"]
            for month in account["months"]
        ),
    )


def _agent(db: Connection, agent_id: int) -> UserRow:
    agent = existing(store.users.by_id(db, agent_id))
    if agent["role"] != "agent":
        raise NotFound(f"User {agent_id} is no agent; only agents earn anything.")
    return agent


def _account(
    db: Connection, agent_id: int, currency: str, payouts: list[PayoutRow], zone: ZoneInfo
) -> Account:
    """The agent's months in one currency; who has had nothing in it has none."""
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for share in shares.of_agent(db, 0, store.server.now(db) + QUARTER_MS, currency, agent_id):
        tallies[_month(share.quarter, zone)].update(share.tally)
    for row in payouts:
        if row["currency"] == currency:
            month = _month(row["created_at"] // QUARTER_MS, zone)
            tallies[month]["paid_out"] += row["amount_cents"]
    months = list(_months(tallies, currency))
    balance = months[-1]["balance"] if months else Cents(0, currency)
    return {"currency": currency, "months": months, "balance": balance}


def _months(tallies: Mapping[str, Tally], currency: str) -> Iterator[Month]:
    """In order, each with what is owed at its end."""
    balance = 0
    for month, tally in sorted(tallies.items()):
        balance += tally["share"] - tally["paid_out"]
        yield {
            "month": month,
            "sessions": tally["sessions"],
            "minutes": tally["minutes"],
            "gross": Cents(tally["cents"] + tally["credited"], currency),
            "share": Cents(tally["share"] + tally["credits"], currency),
            "credits": Cents(tally["credits"], currency),
            "paid_out": Cents(tally["paid_out"], currency),
            "balance": Cents(balance, currency),
        }


def _month(quarter: int, zone: ZoneInfo) -> str:
    return f"{day_of(quarter, zone):%Y-%m}"


def _payout(row: PayoutRow) -> Payout:
    return {
        "id": row["id"],
        "kind": row["kind"],
        "amount": Cents(row["amount_cents"], row["currency"]),
        "currency": row["currency"],
        "actor_id": row["actor_id"],
        "reason": row["reason"],
        "created_at": clock.text(row["created_at"]),
    }
