"""The check that computes every bill again: the books by themselves, and the tables against the books."""

from collections import defaultdict
from collections.abc import Iterator

from chat import store
from chat.database.connection import Connection
from chat.money import Cents
from chat.store.rows import LedgerRow
from chat.verify import chain, receipts, rows, sessions
from chat.verify.chain import Books


def differences(db: Connection, since: str | None = None) -> Iterator[str]:
    """Everything that is not as it must be; with `since`, that head of the past is still in the books."""
    found = Books()
    yield from chain.differences(db, found, since)
    ids = store.sessions.all_ids(db)
    for lost in sorted((found.sessions() | set(range(1, max(ids, default=0)))) - set(ids)):
        yield f"session {lost}: it is gone"
    ledger = _ledger_by_session(db)
    for chat_session_id in ids:
        row = store.sessions.by_id(db, chat_session_id)
        if row is None:
            yield f"session {chat_session_id}: its client or its agent is gone"
            continue
        intervals, paid = store.intervals.of_session(db, chat_session_id), ledger[chat_session_id]
        for difference in (
            *sessions.differences(db, row, intervals, paid, found),
            *receipts.differences(row, intervals, paid, found),
        ):
            yield f"session {chat_session_id}: {difference}"
    yield from rows.differences(db, found, set(ids))
    for user in store.ledger.wrong_balances(db):
        yield (
            f"user {user['id']}: the balance is {Cents(user['balance_cents'])}, "
            f"the ledger says {Cents(user['ledger_cents'])}"
        )


def _ledger_by_session(db: Connection) -> defaultdict[int, list[LedgerRow]]:
    found: defaultdict[int, list[LedgerRow]] = defaultdict(list)
    for row in store.ledger.everything(db):
        if row["chat_session_id"] is not None:
            found[row["chat_session_id"]].append(row)
    return found
