"""What somebody changes behind the server's back, by SQL and without triggers: each is seen and named."""

from time import time
from typing import Any

import pytest

from chat import clock, credits, earnings, payments, refunds, store, verify
from chat.accounts import User
from chat.database.sqlite.connection import connect
from chat.runtime import Runtime
from chat.settings import Settings
from tests.story import Story
from tests.stripe import Stripe, event, signature

# What it hits = by which statements. {paid}, {handed}, {plain} are sessions that have ended: prepaid, prepaid
# and transferred, never paid in advance; {open} goes on, and was transferred; {i} stands for
# billing_intervals of one of them.
FORGERIES = """
session {plain} = UPDATE chat_sessions SET total_cents = total_cents - 250 WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET total_cents = NULL WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET is_prepaid = 1 WHERE id = {plain}
session {paid} = UPDATE chat_sessions SET is_prepaid = 0 WHERE id = {paid}
session {plain} = UPDATE chat_sessions SET client_id = {client} WHERE id = {plain}
session {paid} = UPDATE chat_sessions SET agent_id = {ben} WHERE id = {paid}
session {plain} = UPDATE chat_sessions SET currency = 'JPY' WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET ended_at = ended_at + 3600000 WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET end_reason = 'inactive' WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET limit_cents = 100 WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET accepted_at = accepted_at - 60000 WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET created_at = created_at - 60000 WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET free_seconds = 60 WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET rate_cents = 200 WHERE id = {plain}
session {handed} = UPDATE chat_sessions SET segment = 0 WHERE id = {handed}
session {handed} = UPDATE chat_sessions SET previous_agent_id = NULL WHERE id = {handed}
session {handed} = UPDATE chat_sessions SET earlier_cent_seconds = 1 WHERE id = {handed}
session {plain} = UPDATE chat_sessions SET last_message_id = 0 WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET billed_ms = billed_ms + 1000 WHERE id = {plain}
session {plain} = UPDATE chat_sessions SET status = 'active', end_reason = NULL, ended_at = NULL
    WHERE id = {plain}
session {plain} = DELETE FROM billing_intervals WHERE chat_session_id = {plain}; DELETE FROM messages
    WHERE chat_session_id = {plain}; DELETE FROM chat_sessions WHERE id = {plain}
session {newest} = DELETE FROM billing_intervals WHERE chat_session_id = {newest}; DELETE FROM messages
    WHERE chat_session_id = {newest}; DELETE FROM chat_sessions WHERE id = {newest}

session {plain} = UPDATE billing_intervals SET started_at = started_at - 86400000,
    ended_at = ended_at - 86400000 WHERE chat_session_id = {plain}
session {plain} = UPDATE billing_intervals SET rate_cents = 100 WHERE chat_session_id = {plain};
    UPDATE chat_sessions SET rate_cents = 100, total_cents = 200 WHERE id = {plain}
session {handed} = UPDATE billing_intervals SET agent_id = {ben} WHERE chat_session_id = {handed}
session {plain} = UPDATE billing_intervals SET ended_at = ended_at - 61000 WHERE chat_session_id = {plain};
    UPDATE chat_sessions SET total_cents = 250, billed_ms = billed_ms - 61000, ended_at = ended_at - 61000
    WHERE id = {plain}
session {handed} = UPDATE billing_intervals SET reason = 'outage' WHERE id =
    (SELECT min(id) FROM billing_intervals WHERE chat_session_id = {handed})
session {plain} = DELETE FROM billing_intervals WHERE chat_session_id = {plain}
session {plain} = INSERT INTO billing_intervals (chat_session_id, agent_id, rate_cents, reason, started_at,
    ended_at) SELECT chat_session_id, agent_id, rate_cents, 'outage', ended_at, ended_at
    FROM billing_intervals WHERE chat_session_id = {plain}
session {plain} = UPDATE billing_intervals SET chat_session_id = {paid} WHERE chat_session_id = {plain}
session {plain} = UPDATE billing_intervals SET first_message_id =
    (SELECT min(id) FROM messages WHERE chat_session_id = {paid}) WHERE chat_session_id = {plain}
session {plain} = UPDATE messages SET created_at = created_at + 86400000 WHERE chat_session_id = {plain}
session {plain} = DELETE FROM messages WHERE chat_session_id = {plain}

session {open} = UPDATE chat_sessions SET rate_cents = 1 WHERE id = {open}; UPDATE billing_intervals
    SET rate_cents = 1 WHERE chat_session_id = {open} AND ended_at IS NULL
session {open} = UPDATE chat_sessions SET is_prepaid = 0 WHERE id = {open}
session {open} = UPDATE chat_sessions SET currency = 'JPY' WHERE id = {open}
session {open} = UPDATE chat_sessions SET free_seconds = 3600 WHERE id = {open}
session {open} = UPDATE chat_sessions SET client_id = {other} WHERE id = {open}
session {open} = UPDATE chat_sessions SET agent_id = {cora} WHERE id = {open}
session {open} = UPDATE chat_sessions SET billed_ms = 0 WHERE id = {open}
session {open} = UPDATE chat_sessions SET running_since = running_since + 30000 WHERE id = {open}
session {open} = UPDATE chat_sessions SET running_since = NULL WHERE id = {open}
session {open} = UPDATE chat_sessions SET earlier_seconds = 0, earlier_cent_seconds = 0 WHERE id = {open}
session {open} = UPDATE chat_sessions SET paid_minutes = paid_minutes + 5 WHERE id = {open}
session {open} = UPDATE chat_sessions SET paid_cents = 0 WHERE id = {open}
session {open} = UPDATE chat_sessions SET next_increment_seconds = 1 WHERE id = {open}
session {plain} = UPDATE chat_sessions SET minimum_cents = 100 WHERE id = {plain}
session {open} = UPDATE chat_sessions SET limit_cents = 1 WHERE id = {open}
session {open} = UPDATE billing_intervals SET started_at = started_at + 10000 WHERE chat_session_id = {open}
    AND ended_at IS NULL; UPDATE chat_sessions SET running_since = running_since + 10000 WHERE id = {open}
session {open} = DELETE FROM billing_intervals WHERE chat_session_id = {open} AND ended_at IS NULL
session {open} = DELETE FROM chat_sessions WHERE id = {open}

ledger {minute} = UPDATE ledger SET user_id = {other} WHERE id = {minute}
ledger {minute} = UPDATE ledger SET amount_cents = -1 WHERE id = {minute}
ledger {minute} = DELETE FROM ledger WHERE id = {minute}; UPDATE users
    SET balance_cents = balance_cents + 250 WHERE id = {client}
ledger {top_up} = DELETE FROM ledger WHERE id = {top_up}; UPDATE users
    SET balance_cents = balance_cents - 10000 WHERE id = {client}
ledger {top_up} = UPDATE ledger SET amount_cents = 20000 WHERE id = {top_up}; UPDATE users
    SET balance_cents = balance_cents + 10000 WHERE id = {client}
ledger {top_up} = UPDATE ledger SET created_at = created_at - 86400000 WHERE id = {top_up}
ledger {top_up} = UPDATE ledger SET reason = 'Cash' WHERE id = {top_up}
ledger {minute} = UPDATE ledger SET chat_session_id = {plain} WHERE id = {minute}
ledger {next} = INSERT INTO ledger (user_id, kind, amount_cents, reason, created_at)
    VALUES ({client}, 'top_up', 100, 'Card', 1); UPDATE users SET balance_cents = balance_cents + 100
    WHERE id = {client}
user {client} = UPDATE users SET balance_cents = balance_cents + 100 WHERE id = {client}

payout {payout} = UPDATE payouts SET amount_cents = 100 WHERE id = {payout}
payout {payout} = UPDATE payouts SET agent_id = {ben} WHERE id = {payout}
payout {payout} = UPDATE payouts SET reason = 'Cash' WHERE id = {payout}
payout {payout} = DELETE FROM payouts WHERE id = {payout}
payout {no_payout} = INSERT INTO payouts (id, agent_id, kind, amount_cents, currency, reason, created_at)
    VALUES ({no_payout}, {ben}, 'payout', 100, 'EUR', 'Cash', 1)
payment {unpaid} = UPDATE payments SET provider_id = 'pi_forged', paid_at = 1 WHERE id = {unpaid}
payment {unpaid} = UPDATE payments SET ledger_id = {minute} WHERE id = {unpaid}
payment {bought} = UPDATE payments SET ledger_id = NULL, provider_id = NULL, paid_at = NULL
    WHERE id = {bought}
payment {bought} = UPDATE payments SET amount_cents = 9000 WHERE id = {bought}
payment {bought} = UPDATE payments SET user_id = {other} WHERE id = {bought}
payment {bought} = UPDATE payments SET provider_id = 'pi_forged' WHERE id = {bought}
payment {bought} = DELETE FROM payment_refunds WHERE payment_id = {bought};
    DELETE FROM payments WHERE id = {bought}
refund {sent} = UPDATE payment_refunds SET ledger_id = NULL WHERE id = {sent}
refund {sent} = UPDATE payment_refunds SET amount_cents = 100 WHERE id = {sent}
refund {sent} = UPDATE payment_refunds SET status = 'refused' WHERE id = {sent}
refund {sent} = UPDATE payment_refunds SET payment_id = {unpaid} WHERE id = {sent}
refund {sent} = DELETE FROM payment_refunds WHERE id = {sent}
refund {no_refund} = INSERT INTO payment_refunds (id, payment_id, reference, amount_cents, status, key,
    created_at) VALUES ({no_refund}, {bought}, 'forged', 100, 'done', 'forged', 1)
session {open} = UPDATE billing_intervals SET share_percent = 1 WHERE chat_session_id = {open}
session {open} = UPDATE billing_intervals SET share_percent = 1 WHERE id =
    (SELECT max(id) FROM billing_intervals WHERE chat_session_id = {open})
session {plain} = UPDATE billing_intervals SET share_percent = 1 WHERE chat_session_id = {plain}
session {handed} = UPDATE billing_intervals SET share_percent = 1 WHERE id =
    (SELECT min(id) FROM billing_intervals WHERE chat_session_id = {handed})

books {receipt} = UPDATE books SET content = replace(content, '"total_cents":500', '"total_cents":250')
    WHERE sequence = {receipt}
books {receipt} = UPDATE books SET content = json_set(content, '$.client.name', 'Mallory')
    WHERE sequence = {receipt}
books {receipt} = UPDATE books SET hash = '{zeros}' WHERE sequence = {receipt}
books {after} = DELETE FROM books WHERE sequence = {receipt}
books {receipt} = DELETE FROM books WHERE sequence = {receipt}; UPDATE books SET sequence = sequence - 1
    WHERE sequence > {receipt}
session {plain} = DELETE FROM books WHERE sequence = {receipt}
session {plain} = DELETE FROM books WHERE sequence = (SELECT max(sequence) FROM books WHERE kind = 'receipt'
    AND chat_session_id = {plain})
session {paid} = DELETE FROM books WHERE kind = 'credit'
books = DELETE FROM books WHERE sequence = (SELECT max(sequence) FROM books)
books = DELETE FROM books
"""
CASES = [
    tuple(part.strip() for part in case.split(" = ", 1))
    for case in FORGERIES.replace("\n    ", " ").splitlines()
    if case
]


class House:
    """One database with a little of everything, and what its rows are called in the table."""

    def __init__(self, folder: Any, bank: Stripe) -> None:
        settings = Settings(database_url=f"sqlite:///{folder}/chat.db", **{**bank.settings, "prepaid": True})
        self.runtime, self.bank_settings = Runtime(settings), settings
        self.runtime.prepare()
        self.path = folder / "chat.db"
        story = Story(self.runtime)
        names: dict[str, Any] = {name: user.id for name, user in story.people.items()}
        story.top_up(10_000)
        names["paid"] = self._talk(story, 121)
        credits.credit(self.runtime, self._admin(), names["paid"], 250, "Goodwill", "key")
        story.ask("anna", 2500)
        self._begin(story)
        story.at(story.ms / 1000 + 70)
        story.transfer("ben")
        story.say("agent")
        story.at(story.ms / 1000 + 70)
        story.end()
        names["handed"] = story.id
        self.runtime.settings = Settings(database_url=settings.database_url)
        story.client = "other"
        names["plain"] = self._talk(story, 62)
        self.runtime.settings = settings
        story.client = "client"
        story.ask("anna", 5000)
        self._begin(story)
        story.at(story.ms / 1000 + 70)
        story.transfer("ben")
        story.say("agent")
        story.at(story.ms / 1000 + 70)
        story.sweep()
        names["open"] = story.id
        story.client = "other"
        self.runtime.settings = Settings(database_url=settings.database_url)
        story.ask("cora")
        self._begin(story)
        names["newest"] = story.id
        names |= self._pay(story, bank)
        story.asked = {}  # What is open stays so.
        story.close()
        with_db = self.runtime.database.read
        names["top_up"] = with_db(lambda db: self._value(db, "SELECT min(id) FROM ledger"))
        minute = f"SELECT min(id) FROM ledger WHERE kind = 'minute' AND chat_session_id = {names['paid']}"
        names["minute"] = with_db(lambda db: self._value(db, minute))
        names["next"] = with_db(lambda db: self._value(db, "SELECT max(id) + 1 FROM ledger"))
        receipt = with_db(lambda db: store.books.receipt(db, names["plain"]))
        names |= {"receipt": receipt["sequence"], "after": receipt["sequence"] + 1, "zeros": "0" * 64}
        self.names = names
        self.head = with_db(store.books.newest)["hash"]

    def forged(self, statements: str, folder: Any) -> list[str]:
        """What `verify` says of a copy to which they were done."""
        copy = folder / "chat.db"
        original = connect(self.path)
        original.conn.execute("VACUUM INTO ?", (str(copy),))
        original.close()
        db = connect(copy)
        try:
            db.conn.execute("PRAGMA foreign_keys = OFF")
            db.conn.execute("PRAGMA ignore_check_constraints = ON")
            for (name,) in db.conn.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                db.conn.execute(f"DROP TRIGGER {name}")
            for statement in filter(str.strip, statements.format(**self.names).split(";")):
                assert db.conn.execute(statement).rowcount, statement
            return list(verify.differences(db, self.head))
        finally:
            db.close()

    def _talk(self, story: Story, seconds: float) -> int:
        story.ask()
        self._begin(story)
        story.at(story.ms / 1000 + seconds)
        story.end()
        return story.id

    def _begin(self, story: Story) -> None:
        story.accept()
        story.say("agent")

    def _pay(self, story: Story, bank: Stripe) -> dict[str, int]:
        """Two top-ups through the provider, one paid, of which something went back; and a payout."""
        self.runtime.settings, admin, client = (
            self.bank_settings,
            self._admin("paying"),
            story.people["client"],
        )
        unpaid, bought = (
            payments.create(self.runtime, client, 2000, None, lambda _: ("http://x", "http://y"))[0]
            for _ in range(2)
        )
        _, _, content = bank.asked[-1]
        reference = content["client_reference_id"]
        paid = {"client_reference_id": reference, "payment_status": "paid", "amount_total": 2000}
        what = event("checkout.session.completed", {**paid, "currency": "eur", "payment_intent": "pi_house"})
        payments.hear(self.runtime, signature(what, int(time()) - clock.wall() // 1000), what)
        refunds.pay_back(self.runtime, admin, bought["id"], 500, "key")
        payout, _ = earnings.pay_out(
            self.runtime, admin, story.people["anna"].id, "payout", 300, "Transfer", "key"
        )
        names = {"unpaid": unpaid["id"], "bought": bought["id"], "sent": 1, "no_refund": 2}
        return {**names, "payout": payout["id"], "no_payout": payout["id"] + 1}

    def _admin(self, name: str = "ada") -> User:
        write = self.runtime.database.write
        return User(
            write(lambda db: store.users.insert(db, "admin", "Ada", f"{name}@story.example", "none", 0, 0)),
            "admin",
            "Ada",
            b"",
        )

    def _value(self, db: Any, sql: str) -> int:
        return db.conn.execute(sql).fetchone()[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with Stripe() as bank:
        made = House(tmp_path_factory.mktemp("house"), bank)
        yield made
        made.runtime.close()


def test_what_nobody_touched_is_right(house, tmp_path):
    assert house.forged("", tmp_path) == []


@pytest.mark.parametrize(("where", "statements"), CASES, ids=range(1, len(CASES) + 1))
def test_a_forgery_is_seen_and_named(where, statements, house, tmp_path):
    found = house.forged(statements, tmp_path)
    assert where.format(**house.names) in {each.partition(":")[0] for each in found}, found


def test_there_are_as_many_as_the_auditor_had():
    assert len(CASES) >= 38


def test_a_head_that_was_kept_shows_that_the_newest_is_gone(house, tmp_path):
    statements = "DELETE FROM books WHERE sequence = (SELECT max(sequence) FROM books)"
    assert any(house.head in each for each in house.forged(statements, tmp_path))
