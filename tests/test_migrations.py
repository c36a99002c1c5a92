"""Databases of earlier versions: what there was is taken over, and `verify` finds it right."""

from contextlib import closing

import pytest

from chat import store, verify
from chat.database import migrations
from chat.database.sqlite.connection import connect
from chat.errors import DatabaseUnavailable
from chat.runtime import Runtime
from chat.settings import Settings

PEOPLE = """
    INSERT INTO users (id, role, name, email, password_hash, created_at, balance_cents) VALUES
        (1, 'client', 'Camille', 'c@e.org', '', 1, 400), (2, 'agent', 'Anna', 'a@e.org', '', 1, 0),
        (3, 'agent', 'Ben', 'b@e.org', '', 1, 0)
"""
# Session 1: 150 s with Anna at 2.50, of which 60 are free, and 61 s with Ben at 1.00; it was prepaid.
# Session 2 goes on: 70 s with Anna, and a pause.
BY_THE_MINUTE = (
    PEOPLE,
    """
    INSERT INTO chat_sessions (id, client_id, agent_id, status, end_reason, created_at, accepted_at, ended_at,
        last_activity_at, revision, rate_cents, currency, free_seconds, is_prepaid, is_clock_started,
        billed_ms, earlier_minutes, earlier_cents, paid_minutes, segment, previous_agent_id, total_cents,
        pause_reason, paused_at)
    VALUES
        (1, 1, 3, 'ended', 'ended_by_client', 1000, 2000, 250000,
            250000, 1, 100, 'EUR', 60, 1, 1, 211000, 2, 500, 3, 1, 2, 600, NULL, NULL),
        (2, 1, 2, 'paused', NULL, 300000, 301000, NULL,
            301000, 2, 250, 'EUR', 0, 0, 1, 70000, 0, 0, 0, 0, NULL, NULL, 'paused_by_client', 371000)
    """,
    """
    INSERT INTO billing_intervals (chat_session_id, agent_id, rate_cents, reason, started_at, ended_at) VALUES
        (1, 2, 250, 'active', 3000, 153000), (1, 3, 100, 'transfer', 153000, 189000),
        (1, 3, 100, 'active', 189000, 250000),
        (2, 2, 250, 'active', 301000, 371000), (2, 2, 250, 'paused_by_client', 371000, NULL)
    """,
    """
    INSERT INTO ledger (user_id, kind, amount_cents, chat_session_id, segment, minute, reason, created_at)
    VALUES (1, 'top_up', 1000, NULL, NULL, NULL, 'Card', 1), (1, 'minute', -250, 1, 0, 1, 'Minute 1', 64000),
        (1, 'minute', -250, 1, 0, 2, 'Minute 2', 124000), (1, 'minute', -100, 1, 1, 3, 'Minute 3', 220000)
    """,
)


@pytest.fixture
def older(tmp_path):
    """(a database as it was before a migration, a function that brings it to the newest)."""
    path, opened = tmp_path / "chat.db", []
    path.touch()

    def before(name):
        db = connect(path)
        migrations.migrations.apply(db, stop_before=name)
        opened.append(db)
        return db

    def now():
        opened.pop().close()
        runtime = Runtime(Settings(database_url=f"sqlite:///{path}"))
        opened.append(runtime)
        runtime.prepare()
        return runtime.database

    yield before, now
    for each in opened:
        each.close()


def test_before_a_migration_there_is_a_copy_of_what_there_was(older, tmp_path):
    before, now = older
    db = before("m007_rules")
    for statement in BY_THE_MINUTE:
        db.conn.execute(statement)
    now()
    (copy,) = tmp_path.glob("*-before-*")
    assert (copy.name, copy.stat().st_mode & 0o777) == ("chat-before-m007_rules.db", 0o600)
    with closing(connect(copy)) as db:
        assert next(iter(migrations.migrations.pending(db))).name == "m007_rules"
        assert [row["balance_cents"] for row in db.query("SELECT * FROM users")] == [400, 0, 0]


def test_where_there_is_no_room_for_a_copy_nothing_is_migrated(older, tmp_path):
    before, now = older
    before("m007_rules")
    (tmp_path / "chat-before-m007_rules.db.partial").mkdir()
    with pytest.raises(DatabaseUnavailable):
        now()
    with closing(connect(tmp_path / "chat.db")) as db:
        assert next(iter(migrations.migrations.pending(db))).name == "m007_rules"


def test_sessions_from_before_increments_cost_what_they_did(older):
    before, now = older
    db = before("m007_rules")
    for statement in BY_THE_MINUTE:
        db.conn.execute(statement)
    database = now()
    assert database.read(lambda db: list(verify.differences(db))) == []
    ended, going_on = (database.read(lambda db, n=n: dict(store.sessions.by_id(db, n))) for n in (1, 2))
    columns = (
        *("first_increment_seconds", "next_increment_seconds", "minimum_cents", "free_agent_id"),
        *(
            "earlier_seconds",
            "earlier_cent_seconds",
            "billed_seconds",
            "paid_cents",
            "stopped_at",
            "agent_since",
        ),
    )
    assert [ended[name] for name in columns] == [60, 60, 0, 2, 120, 30_000, 180, 600, 250_000, 153_000]
    assert [going_on[name] for name in columns] == [60, 60, 0, None, 0, 0, 0, 0, 371_000, 301_000]
    (receipt,) = database.read(lambda db: store.books.of_session(db, "receipt", 1))
    assert '"total_cents":600' in receipt["content"]


def test_what_was_paid_before_it_was_in_the_books_comes_into_them(older):
    before, now = older
    db = before("m014_sealed")
    for statement in (
        PEOPLE,
        "UPDATE server SET currency = 'EUR'",
        """
        INSERT INTO chat_sessions (client_id, agent_id, status, created_at, accepted_at, last_activity_at,
            revision, rate_cents, max_rate_cents, is_clock_started, running_since, agent_since,
            clock_started_at)
        VALUES (1, 2, 'active', 1000, 2000, 3000, 1, 250, 250, 1, 3000, 2000, 3000)
        """,
        """
        INSERT INTO billing_intervals (chat_session_id, agent_id, rate_cents, reason, started_at,
            share_percent)
        VALUES (1, 2, 250, 'active', 3000, 60)
        """,
        """
        INSERT INTO ledger (user_id, kind, amount_cents, currency, reason, created_at)
        VALUES (1, 'top_up', 1000, 'EUR', 'Stripe pi_1', 1), (1, 'refund', -600, 'EUR', 'Stripe pi_1', 2)
        """,
        """
        INSERT INTO payouts (agent_id, kind, amount_cents, currency, reason, created_at)
        VALUES (2, 'payout', 300, 'EUR', 'Transfer', 1)
        """,
        """
        INSERT INTO payments (reference, user_id, provider, amount_cents, currency, created_at, provider_id,
            ledger_id, paid_at)
        VALUES ('a', 1, 'Stripe', 1000, 'EUR', 1, 'pi_1', 1, 1),
            ('b', 1, 'Stripe', 100, 'EUR', 1, NULL, NULL, NULL)
        """,
        """
        INSERT INTO payment_refunds (payment_id, reference, amount_cents, status, actor_id, key, ledger_id,
            created_at)
        VALUES (1, 'a', 600, 'done', 1, 'a', 2, 2)
        """,
    ):
        db.conn.execute(statement)
    # Its books are as old as it is.
    for number in (1, 2):
        (row,) = db.conn.execute("SELECT * FROM ledger WHERE id = ?", (number,)).fetchall()
        store.books.append(db, "ledger", store.books.of_row("ledger", row), number)
    session = dict(store.sessions.by_id(db, 1))
    agreed = {name: session[name] for name in ("client_id", "agent_id", "segment", "rate_cents")}
    store.books.append(db, "terms", {"chat_session_id": 1, **agreed})
    database = now()
    assert database.read(lambda db: list(verify.differences(db))) == []
    kinds = database.read(lambda db: [row["kind"] for row in store.books.everything(db)])
    assert kinds == ["ledger", "ledger", "terms", "share", "payout", "payment", "refund"]


def test_what_was_searched_for_is_forgotten_and_words_may_be_gone(older):
    before, now = older
    db = before("m025_privacy")
    for statement in (
        PEOPLE,
        "UPDATE server SET currency = 'EUR'",
        """
        INSERT INTO audit (created_at, kind, address, detail)
        VALUES (1, 'searched', '', 'kanarie'), (1, 'invited', '', 'x')
        """,
        """
        INSERT INTO chat_sessions (id, client_id, agent_id, status, end_reason, created_at, ended_at,
            total_cents, revision) VALUES (1, 1, 2, 'ended', 'expired', 1, 2, 0, 1)
        """,
        """
        INSERT INTO messages (chat_session_id, sender_id, sender_type, message, created_at, revision)
        VALUES (1, 1, 'client', 'Bonjour', 1, 1)
        """,
    ):
        db.conn.execute(statement)
    database = now()

    def look(db):
        details = [row[0] for row in db.conn.execute("SELECT detail FROM audit ORDER BY id")]
        return details, db.conn.execute("PRAGMA integrity_check").fetchone()[0]

    assert database.read(look) == (["", "x"], "ok")
    database.write(lambda db: store.words.empty(db, store.words.OF_PERSON[0], [1]))
    assert database.read(lambda db: store.messages.all_of(db, 1))[0]["message"] == ""


def test_messages_of_before_are_found(older):
    before, now = older
    db = before("m028_search")
    for statement in (
        PEOPLE,
        "UPDATE server SET currency = 'EUR'",
        """
        INSERT INTO chat_sessions (id, client_id, agent_id, status, end_reason, created_at, ended_at,
            total_cents, revision) VALUES (1, 1, 2, 'ended', 'expired', 1, 2, 0, 1)
        """,
        """
        INSERT INTO messages (chat_session_id, sender_id, sender_type, message, created_at, revision)
        VALUES (1, 1, 'client', 'Un été', 1, 1), (1, 1, 'client', '', 1, 2)
        """,
    ):
        db.conn.execute(statement)
    database = now()

    def found(db, role, user_id):
        return [row["message_id"] for row in store.search.find(db, ["ete"], role, user_id, 99, 9)]

    assert not database.read(store.search.is_behind)
    for role, user_id, ids in (("client", 1, [1]), ("agent", 2, [1]), ("agent", 3, []), ("admin", 9, [1])):
        assert database.read(lambda db, role=role, user_id=user_id: found(db, role, user_id)) == ids
