"""PostgreSQL's schema is SQLite's, table by table, and is applied once."""

import re
import subprocess
import sys
from contextlib import closing

import pytest
from psycopg import IntegrityError
from psycopg.errors import UniqueViolation

from chat import texts
from chat.database import migrations
from chat.database.postgresql import lexemes, schema
from chat.database.postgresql.connection import connect
from chat.database.sqlite import connection

# What each engine has for itself.
ONLY_SQLITE = {
    "_sqlite_migrations",
    "sqlite_sequence",
    "search",
    "search_config",
    "search_data",
    "search_idx",
}
ONLY_POSTGRESQL = {"schema_migrations", "timekeeping", "search", "contents", "removed_contents"}
TYPES = {"bigint": "INTEGER", "text": "TEXT", "bytea": "BLOB"}
PEOPLE = """
    INSERT INTO users (id, role, name, email, password_hash, created_at) VALUES
        (1, 'client', 'Camille', 'c@e.org', '', 1), (2, 'agent', 'Anna', 'a@e.org', '', 1),
        (3, 'agent', 'Ben', 'b@e.org', '', 1)
"""
EUROS = "UPDATE server SET currency = 'EUR'"
SESSION = """
    INSERT INTO chat_sessions (id, client_id, agent_id, status, created_at, revision, currency)
    VALUES (1, 1, 2, 'active', 5, 1, 'EUR')
"""
MESSAGE = """
    INSERT INTO messages (id, chat_session_id, sender_id, sender_type, message, created_at, revision)
    VALUES (1, 1, 1, 'client', 'Bonjour', 6, 2)
"""


@pytest.fixture(scope="module")
def url(postgres):
    return postgres.new()


@pytest.fixture
def db(url):
    """In a transaction that is taken back."""
    with closing(connect(url)) as db:
        db.session.execute("BEGIN")
        yield db


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "chat.db"
    path.touch()
    with closing(connection.connect(path)) as db:
        migrations.apply(db)
        yield db


def tables_of(file):
    names = file.conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {row[0] for row in names} - ONLY_SQLITE


def test_tables_and_columns_are_the_same(db, file):
    names = db.conn.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() "
        "AND table_type = 'BASE TABLE'"
    ).fetchall()
    assert {row[0] for row in names} - ONLY_POSTGRESQL == tables_of(file)
    for table in tables_of(file):
        # table_xinfo: with generated columns.
        theirs = {
            row["name"]: (
                row["type"],
                bool(row["notnull"] or row["pk"]),
                meant(row["dflt_value"]),
                row["hidden"] != 0,
            )
            for row in file.conn.execute(f"PRAGMA table_xinfo({table})").fetchall()
        }
        ours = {
            row["column_name"]: (
                TYPES[row["data_type"]],
                row["is_nullable"] == "NO",
                meant(row["column_default"]),
                row["is_generated"] == "ALWAYS",
            )
            for row in db.conn.execute(
                """
                SELECT * FROM information_schema.columns
                WHERE table_schema = current_schema() AND table_name = ?
                """,
                (table,),
            ).fetchall()
        }
        assert ours == theirs, table


def meant(default):
    """`''::text`, `'\\x'::bytea` and `x''` are the same."""
    return default and re.sub(r"^x|\\x", "", re.sub(r"::\w+$", "", default))


def test_texts_are_compared_by_their_bytes(db):
    others = db.conn.execute(
        """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
        """
    ).fetchall()
    assert others == []


def test_indexes_and_unique_keys_are_the_same(db, file):
    for table in tables_of(file):
        theirs = sorted(
            (
                name_of(row["name"]),
                row["unique"],
                columns_of(file, row["name"]),
                condition_of(file, row["name"]),
            )
            for row in file.conn.execute(f"PRAGMA index_list({table})").fetchall()
            if row["origin"] != "pk"
        )
        ours = sorted(
            (
                row["name"] if row["is_named"] else "",
                row["is_unique"],
                tuple(bare(each) for each in row["columns"]),
                bare(row["condition"] or ""),
            )
            for row in db.conn.execute(
                """
                SELECT i.relname AS name, x.indisunique AS is_unique, c.oid IS NULL AS is_named,
                    pg_get_expr(x.indpred, x.indrelid) AS condition, (
                        SELECT array_agg(pg_get_indexdef(x.indexrelid, number::int, false) ORDER BY number)
                        FROM generate_series(1, x.indnkeyatts) AS number
                    ) AS columns
                FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.contype = 'u'
                WHERE x.indrelid = to_regclass(?) AND NOT x.indisprimary
                """,
                (table,),
            ).fetchall()
        )
        assert ours == theirs, table


def name_of(index):
    return "" if index.startswith("sqlite_autoindex") else index


def columns_of(file, index):
    rows = file.conn.execute(f"PRAGMA index_xinfo({index})").fetchall()
    names = [row["name"] for row in rows if row["key"]]
    if None in names:
        (sql,) = file.conn.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        inner = re.search(r"ON \w+ \((.*?)\)(?: WHERE .*)?$", " ".join(sql.split()))[1]
        names = re.split(r", (?![^(]*\))", inner)
    return tuple(bare(name) for name in names)


def condition_of(file, index):
    row = file.conn.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
    found = row[0] and re.search(r"\bWHERE\b(.*)$", row[0], re.DOTALL)
    return bare(re.sub(r"\b(is_\w+)(?= AND|\s*$)", r"\1 = 1", found[1])) if found else ""


def bare(expression):
    """Without what either engine adds to it."""
    return re.sub(r"::\w+|[()\s]", "", expression).lower()


def test_foreign_keys_are_the_same(db, file):
    for table in tables_of(file):
        theirs = sorted(
            (row["from"], row["table"], row["to"], row["on_delete"])
            for row in file.conn.execute(f"PRAGMA foreign_key_list({table})").fetchall()
        )
        ours = sorted(
            tuple(row)
            for row in db.conn.execute(
                """
                SELECT a.attname, c.confrelid::regclass::text, b.attname,
                    CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'a' THEN 'NO ACTION' ELSE 'other' END
                FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = c.confkey[1]
                WHERE c.contype = 'f' AND c.conrelid = to_regclass(?)
                """,
                (table,),
            ).fetchall()
        )
        assert ours == theirs, table


def test_checks_are_as_many(db, file):
    for table in tables_of(file):
        (sql,) = file.conn.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (count,) = db.conn.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = to_regclass(?)", (table,)
        ).fetchone()
        # That its content is JSON, PostgreSQL finds when it takes the columns from it.
        assert count == len(re.findall(r"\bCHECK\b", sql)) - (table == "books"), table


def test_both_begin_with_the_same_rows(db, file):
    def rows(db, table):
        found = db.conn.execute(f"SELECT * FROM {table}").fetchall()
        return [dict(zip(row.keys(), row, strict=True)) for row in found]

    for table in tables_of(file) - {"server"}:
        assert rows(db, table) == rows(file, table), table
    (ours,), (theirs,) = rows(db, "server"), rows(file, "server")
    random = {"setup_code", "push_private_key", "push_public_key"}
    for name in random:
        assert len(ours[name]) == len(theirs[name]) and ours[name] != theirs[name]
    assert {**ours, **{name: theirs[name] for name in random}} == theirs


@pytest.mark.parametrize(
    ("row", "changes", "text"),
    [
        (
            "INSERT INTO ledger (user_id, kind, amount_cents, reason, created_at, currency) "
            "VALUES (1, 'top_up', 5, 'Card', 1, 'EUR')",
            ("UPDATE ledger SET amount_cents = 6", "DELETE FROM ledger", "TRUNCATE ledger CASCADE"),
            "the ledger is append-only",
        ),
        (
            "INSERT INTO payouts (agent_id, kind, amount_cents, currency, reason, created_at) "
            "VALUES (2, 'payout', 5, 'EUR', 'Transfer', 1)",
            ("UPDATE payouts SET amount_cents = 6", "DELETE FROM payouts", "TRUNCATE payouts"),
            "the payouts are append-only",
        ),
        (
            "INSERT INTO books (content, hash) VALUES "
            """('{"kind":"terms","number":1,"issued_at":1,"previous_hash":""}', repeat('0', 64))""",
            ("UPDATE books SET hash = repeat('1', 64)", "DELETE FROM books", "TRUNCATE books"),
            "the books table is append-only",
        ),
        (
            "INSERT INTO audit (created_at, kind, address, detail) VALUES (1, 'searched', '::1', '')",
            ("UPDATE audit SET detail = 'x', address = ''", "DELETE FROM audit", "TRUNCATE audit"),
            "the audit log is append-only",
        ),
    ],
)
def test_what_is_only_added_to_is_never_changed(db, row, changes, text):
    execute = db.session.execute
    execute(f"{PEOPLE};{EUROS};{row}")
    for change in changes:
        execute("SAVEPOINT before")
        with pytest.raises(IntegrityError, match=text):
            execute(change)
        execute("ROLLBACK TO before")


def test_what_is_erased_of_somebody_goes_from_the_logs(db):
    execute = db.session.execute
    execute(f"{PEOPLE};{EUROS};{SESSION}")
    execute("INSERT INTO audit (created_at, kind, address, detail) VALUES (1, 'searched', '::1', '')")
    execute("UPDATE audit SET address = ''")
    execute("INSERT INTO remarks (chat_session_id, user_id, remark, created_at) VALUES (1, 1, 'Hm', 1)")
    execute("UPDATE remarks SET remark = ''")
    with pytest.raises(IntegrityError, match="append-only"):
        execute("UPDATE remarks SET user_id = 2")


def test_the_books_have_no_gaps(db):
    def add(number):
        content = f'{{"kind":"terms","number":{number},"issued_at":1,"previous_hash":""}}'
        sql = "INSERT INTO books (content, hash) VALUES (?, ?) RETURNING sequence, content, number"
        return db.conn.execute(sql, (content, f"{number:064}")).fetchone(), content

    assert add(1)[0]["sequence"] == 1
    db.session.execute("SAVEPOINT before")
    with pytest.raises(UniqueViolation):
        add(1)
    db.session.execute("ROLLBACK TO before")
    row, content = add(2)
    assert tuple(row) == (2, content, 2)


def test_amounts_in_another_currency_are_refused(db):
    db.session.execute(PEOPLE)
    db.session.execute("UPDATE server SET currency = 'USD'")
    with pytest.raises(IntegrityError, match="the database has another currency"):
        db.session.execute(SESSION)


def test_what_happens_is_told_as_from_sqlite(db, file):
    def story(db):
        execute = db.conn.execute
        for statement in (PEOPLE, EUROS, SESSION):
            execute(statement)
        execute(
            "INSERT INTO webhooks (label, url, events, has_words, secret, created_at, since_revision) "
            "VALUES ('x', 'x', 'x', 0, ?, 1, 0)",
            (b"",),
        )
        execute(SESSION.replace("(1, 1, 2, 'active'", "(2, 1, 2, 'waiting'"))
        for change in (
            "revision = 9",
            "status = 'active', accepted_at = 20",
            "status = 'paused', paused_at = 30, pause_reason = 'outage'",
            "status = 'active', active_since = 40, pause_reason = NULL",
            "agent_id = 3, agent_since = 50",
            "status = 'paused', agent_id = 2",
            "status = 'ended', agent_id = 3, end_reason = 'inactive', ended_at = 60",
            "status = 'ended'",
        ):
            execute(f"UPDATE chat_sessions SET {change} WHERE id = 2")
        execute(MESSAGE)
        execute("UPDATE messages SET edited_at = 70 WHERE id = 1")
        execute("UPDATE messages SET edited_at = 80, is_deleted = 1, message = '' WHERE id = 1")
        for kind in ("receipt", "terms", "credit"):
            content = f'{{"kind":"{kind}","number":1,"issued_at":90,"previous_hash":""}}'
            execute("INSERT INTO books (content, hash) VALUES (?, ?)", (content, f"{kind:0>64}"))
        return [
            (row["type"], row["subject_id"], row["at"], migrations.json.loads(row["data"]), row["revision"])
            for row in execute("SELECT * FROM happenings ORDER BY id").fetchall()
        ]

    told = story(db)
    assert told == story(file)
    assert len(told) == 11


def test_what_goes_takes_along_what_is_of_it(db):
    execute = db.session.execute
    execute(f"{PEOPLE};{EUROS};{SESSION};{MESSAGE}")
    execute(
        "INSERT INTO attachments (id, user_id, name, type, bytes, content, thumbnail, digest) "
        "VALUES (1, 1, 'x', 'x', 1, 'one', 'two', '')"
    )
    execute("UPDATE messages SET message = ''")
    assert execute("SELECT content FROM dropped_contents ORDER BY content").fetchall() == [("one",), ("two",)]
    execute(
        "INSERT INTO auth_tokens (id, user_id, token_hash, created_at, expires_at) "
        "VALUES (1, 1, decode(repeat('00', 32), 'hex'), 1, 1)"
    )
    execute(
        "INSERT INTO push_subscriptions (user_id, auth_token_id, endpoint, p256dh, auth, site, language, "
        "created_at) VALUES (1, 1, 'x', decode(repeat('00', 65), 'hex'), decode(repeat('00', 16), 'hex'), "
        "'x', 'en', 1)"
    )
    execute("UPDATE auth_tokens SET revoked_at = 2")
    assert execute("SELECT count(*) FROM push_subscriptions").fetchone() == (0,)


def test_processes_that_boot_together_apply_it_once(postgres):
    url = postgres.empty()
    script = (
        "import sys; from chat.database.postgresql import schema; "
        "from chat.database.postgresql.connection import connect; "
        "print(len(schema.apply(connect(sys.argv[1]))))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, url], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    counts = sorted(int(each.communicate(timeout=60)[0]) for each in running)
    assert counts == [0, 0, len(migrations.names())]
    with closing(connect(url)) as db:
        assert schema.applied(db) == migrations.names()


def test_it_is_in_the_schema_that_the_address_names(postgres):
    url = postgres.empty()
    with closing(connect(url)) as db:
        db.session.execute("CREATE SCHEMA apart")
    with closing(connect(f"{url}&options=-csearch_path%3Dapart")) as db:
        schema.apply(db)
        found = db.session.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename = 'users'")
        assert found.fetchall() == [("apart",)]
    with closing(connect(url)) as db:
        assert schema.applied(db) == []


def test_a_migration_that_comes_later_is_applied_or_asked_for(postgres, db, monkeypatch):
    def m999_later(db):
        db.conn.execute("ALTER TABLE users ADD COLUMN later INTEGER NOT NULL DEFAULT 7")
        db.conn.execute("ALTER TABLE users ADD COLUMN latest TEXT NOT NULL DEFAULT ''")

    known = migrations.names()
    monkeypatch.setattr(migrations.migrations, "_migrations", [*migrations.migrations._migrations])
    migrations.migrations()(m999_later)
    db.session.execute("ROLLBACK")
    with pytest.raises(migrations.OlderSchema, match="m999_later"):
        schema.require_newest(db)
    url = postgres.empty()
    with closing(connect(url)) as db:
        assert schema.apply(db) == [*known, "m999_later"]
        db.session.execute(PEOPLE)
        assert db.session.execute("SELECT later FROM users WHERE id = 1").fetchone() == (7,)
        test_texts_are_compared_by_their_bytes(db)
        migrations.migrations._migrations.pop()
        for refused in (schema.check, schema.require_newest, schema.apply):
            with pytest.raises(migrations.NewerSchema, match="m999_later"):
                refused(db)


def test_functions_give_what_sqlites_give(db, file):
    for expression in (
        "max(3, 5)",
        "max(NULL, 5)",
        "min(3, NULL)",
        "min(-1, 2)",
        "iif(1 = 1, 'a', NULL)",
        "iif(1 = 2, 'a', NULL)",
        "instr('été', 't')",
        "instr('été', 'x')",
        "datetime(1795789974012 / 1000, 'unixepoch')",
        "datetime(0, 'unixepoch')",
        "length(hex(randomblob(16)))",
        "length('🙂')",
    ):
        ours, theirs = (each.conn.execute(f"SELECT {expression}").fetchone()[0] for each in (db, file))
        assert ours == theirs, expression
    query = "SELECT value FROM json_each(?)"
    found = [
        list(map(str, (row[0] for row in each.conn.execute(query, ('[1,"x",""]',))))) for each in (db, file)
    ]
    assert found[0] == found[1] == ["1", "x", ""]


def test_names_are_folded_as_python_does(db):
    for text in (
        "ÉCOLE Straße",
        "Ἀθῆναι ΣΑΣ ᾳ",
        "İstanbul ǅ ŉ",
        "ﬁn Ⅻ ½",
        "日本語 が ガ",
        "Ёлка",
        "ascii ABC",
        "Việt Nam",
    ):
        (folded,) = db.conn.execute("SELECT folded(?)", (text,)).fetchone()
        assert folded == texts.folded(text), text


def test_words_are_the_same_in_sql_and_in_python(db):
    """Of characters of all scripts, between letters and alone."""
    codes = [code for code in (*range(1, 0x3400), *range(0x3400, 0x20000, 17)) if not 0xD800 <= code < 0xE000]
    found = db.conn.execute(
        """
        SELECT code, words_in('q' || chr(code) || 'z ' || chr(code)) AS words
        FROM unnest(CAST(? AS int[])) AS code
        """,
        (codes,),
    ).fetchall()
    different = [
        (hex(code), words, python)
        for code, words in found
        if [each for each in words if each]
        != (python := [each.word for each in lexemes.lexemes(f"q{chr(code)}z {chr(code)}")])
    ]
    assert different == []
