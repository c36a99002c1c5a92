"""Rows that are in the books to the letter: the ledger, what agents were paid, payments, what went back."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from chat import store
from chat.database.connection import Connection
from chat.money import Cents
from chat.store.rows import LedgerRow, PaidBackRow, PaymentRow
from chat.verify.chain import SEALED, Books

# Of a payment that nobody has paid nothing is in the books.
OF_PAID = ("provider_id", "ledger_id", "paid_at")


def differences(db: Connection, found: Books, sessions: Collection[int]) -> Iterator[str]:
    """All tables against the books, and payments against the ledger."""
    tables: dict[str, list[Any]] = {kind: store.books.rows(db, kind) for kind in SEALED}
    payments: list[PaymentRow] = [
        each for each in tables["payment"] if any(each[name] is not None for name in OF_PAID)
    ]
    for kind, rows in {**tables, "payment": payments}.items():
        yield from _sealed(kind, rows, found.rows[kind])
    ledger: dict[int, LedgerRow] = {each["id"]: each for each in tables["ledger"]}
    for entry in ledger.values():
        if entry["chat_session_id"] is not None and entry["chat_session_id"] not in sessions:
            yield f"ledger {entry['id']}: its session is gone"
    for payment in payments:
        yield from _paid(payment, ledger)
    payers = {each["id"]: each["user_id"] for each in tables["payment"]}
    for refund in tables["refund"]:
        yield from _went_back(refund, payers.get(refund["payment_id"]), ledger)


def _sealed(name: str, rows: Sequence[Any], sealed: dict[int, dict[str, Any]]) -> Iterator[str]:
    there = {row["id"]: row for row in rows}
    for row_id in sorted(sealed.keys() - there.keys()):
        yield f"{name} {row_id}: it is gone"
    for row_id, row in there.items():
        now = store.books.columns(row)
        if row_id not in sealed:
            yield f"{name} {row_id}: it is not in the books"
        for column, value in sealed.get(row_id, {}).items():
            if now[column] != value:
                yield f"{name} {row_id}: {column} is {now[column]}, the books say {value}"


def _paid(payment: PaymentRow, ledger: dict[int, LedgerRow]) -> Iterator[str]:
    """The ledger has it: for its client, and as much."""
    entry = ledger.get(payment["ledger_id"] or 0)
    booked = entry and (entry["kind"], entry["user_id"], entry["amount_cents"])
    if booked != ("top_up", payment["user_id"], payment["amount_cents"]):
        yield f"payment {payment['id']}: the ledger does not have it"


def _went_back(refund: PaidBackRow, payer: int | None, ledger: dict[int, LedgerRow]) -> Iterator[str]:
    """It came out of the payer's balance: all of it, or as much as there was if we were not asked."""
    entry, amount = ledger.get(refund["ledger_id"] or 0), refund["amount_cents"]
    if entry is None:
        is_right = refund["ledger_id"] is None and refund["actor_id"] is None
    else:
        least = 1 if refund["actor_id"] is None else amount
        is_ours = (entry["kind"], entry["user_id"]) == ("refund", payer)
        is_right = is_ours and least <= -entry["amount_cents"] <= amount
    if not is_right:
        yield f"refund {refund['id']}: the ledger does not have {Cents(amount)} of it"
