"""What of somebody has to be seen to before they can be erased, or have another role."""

from typing import Any, NamedTuple

from chat import earnings, store
from chat.database.connection import Connection
from chat.money import Cents
from chat.payments import OPEN_MS
from chat.runtime import Runtime
from chat.store.rows import UserRow


class Obstacle(NamedTuple):
    """One of the words of chat/web/words.py, and how much or how many it is of."""

    code: str
    value: Any = 0

    def __str__(self) -> str:
        return TEXTS[self.code].format(self.value)


# What the console says, and the API.
TEXTS = {
    "sessions": "{} of their conversations go on: they end first, or either side ends them.",
    "balance": "{} of their balance are left: pay them back first (refund).",
    "owed": "{} are owed to them: pay them out first, and record it (pay-out).",
    "top_ups": "A top-up that they have begun may still be paid: it closes within a day.",
    "reports": "A report of theirs, or of a conversation of theirs, waits: see to it first.",
    "last_administrator": "They are the last administrator: make another one first.",
}


def all_of(runtime: Runtime, person: UserRow) -> list[Obstacle]:
    """Of somebody who is to be erased; none of whom that is done."""
    if person["erased_at"] is not None:
        return []
    found = runtime.database.read(lambda db: of(db, person, store.server.now(db)))
    return [*found, *owed(runtime, person)]


def of(db: Connection, person: UserRow, now: int) -> list[Obstacle]:
    """All but what takes long to compute."""
    found = [*of_role(db, person)]
    if store.payments.open_since(db, person["id"], now - OPEN_MS):
        found.append(Obstacle("top_ups"))
    if store.reports.waits(db, person["id"]):
        found.append(Obstacle("reports"))
    return found


def of_role(db: Connection, person: UserRow) -> list[Obstacle]:
    """What hangs on who somebody is."""
    found = list[Obstacle]()
    if count := store.sessions.count_open(db, person["id"]):
        found.append(Obstacle("sessions", count))
    if person["balance_cents"]:
        found.append(Obstacle("balance", Cents(person["balance_cents"])))
    is_admin = person["role"] == "admin" and person["disabled_at"] is None
    if is_admin and not store.users.other_administrators(db, person["id"]):
        found.append(Obstacle("last_administrator"))
    return found


def owed(runtime: Runtime, person: UserRow) -> list[Obstacle]:
    """What an agent has earned and was not paid, by currency; while they have sessions it may be more."""
    if person["role"] != "agent":
        return []
    accounts = earnings.statement(runtime, None, person["id"])["accounts"]
    return [Obstacle("owed", each["balance"]) for each in accounts if each["balance"] > 0]
