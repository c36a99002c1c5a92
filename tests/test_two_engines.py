"""The store's statements mean the same to both engines: all its functions, on the same rows."""

import inspect
import json
import re
from contextlib import closing
from random import Random
from types import ModuleType
from typing import get_args

import pytest

from chat import clock, store
from chat.database.postgresql.connection import connect
from chat.database.sqlite.connection import connect as open_file
from chat.demo import month, pairs
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store import rows

SEED = 11
ROUNDS = 20
# Which each engine has its own way for: the index of words.
OWN = {"search", "fts5", "tsvector", "snippets", "contents"}
# What each knows of where it is.
OF_A_PLACE = {"place", "settle"}
# Their answers are in no order that anybody relies on.
UNORDERED = {
    "inbox.open_ones",
    "mails.due",
    "notices.due",
    "notices.over",
    "outbox.claim",
    "push.ids_of",
    "revision.changes",
    "sessions.active_of_users",
    "sessions.mark_delivered",
    "sessions.paused_by_absence",
    "sessions.touched_by_outage",
    "sessions.waiting_of_client",
    "tokens.spent",
    "webhooks.claim",
}
TIMES = (
    "now",
    "at",
    "since",
    "until",
    "before",
    "due_at",
    "until_at",
    "expires_at",
    "seen_after",
    "seen_before",
)
# Rows are made before they are looked for, and taken away last.
MAKES = re.compile("insert|put|save|append|begin|book|credit|queue|attend|keep$")
TAKES = re.compile(
    "drop|delete|forget|erase|revoke|empty|finish|give_up|end_sign|end$|set_currency|keep_newest|take_back|use$|claim"
)
TABLES = {
    "message_id": "messages",
    "chat_session_id": "chat_sessions",
    "note_id": "notes",
    "report_id": "reports",
    "payment_id": "payments",
    "refund_id": "payment_refunds",
    "webhook_id": "webhooks",
    "delivery_id": "deliveries",
    "widget_id": "widgets",
    "link_id": "links",
    "subscription_id": "push_subscriptions",
    "outbox_id": "outbox",
    "ledger_id": "ledger",
    "entry_id": "ledger",
    "reply_id": "replies",
}
PEOPLE = {
    "client_id": ["client_id"],
    "agent_id": ["agent_id"],
    "for_id": ["agent_id"],
    "user_id": ["client_id", "agent_id"],
    "sender_id": ["client_id", "agent_id"],
    "reporter_id": ["client_id", "agent_id"],
    "author_id": ["agent_id"],
}
FEW = {
    "role": ["client", "agent", "admin"],
    "status": ["pending", "done", "refused"],
    "domain": ["demo.example", pairs.DOMAIN],
    "currency": ["EUR", "USD"],
    "code": ["EUR"],
    "configured": ["EUR"],
    "language": ["fr", "en", "de"],
    "text": ["", "a", "É", "la"],
    "events": ["message.created receipt.issued session.created", "message.edited"],
    "provider": ["stripe"],
    "problem": ["", "status"],
    "page": ["p1", "p2"],
}
NUMBERS = {
    "limit": [10_000],
    "count": [1, 3],
    "most": [1, 5, 1000],
    "newest": [1, 50],
    "share_percent": [0, 55, 100],
    "times": [1, 3],
    "over": [1, 2],
    "status": [200, 500],
    "segment": [0, 1],
    "rate_cents": [0, 100, 250],
}
KINDS = {
    "ledger.append": ["top_up", "refund"],
    "payouts.insert": ["payout", "taken_back"],
    "outbox": ["mail", "push"],
    "deliveries.put": ["webhook.test"],
    "audit.listed": ["demo_made", "blocked"],
}


class Recorded:
    """A connection, and into which tables went what."""

    def __init__(self, db) -> None:
        self.db, self.engine, self.conn, self.touched = db, db.engine, self, set()

    def execute(self, sql, values=()):
        self.touched.update(re.findall(r"(?:INSERT INTO|DELETE FROM) (\w+)", sql))
        return self.db.conn.execute(sql, values)

    def executemany(self, sql, values):
        self.touched.update(re.findall(r"(?:INSERT INTO|DELETE FROM) (\w+)", sql))
        return self.db.conn.executemany(sql, values)


class Calls:
    """What the functions are called with: by the names of their parameters, from what there is."""

    def __init__(self, db, seed: int) -> None:
        self.db, self.random, self.number = db, Random(seed), 0
        self.now = store.server.now(db)

    def ids(self, table: str, where: str = "1", *values: object) -> list[int]:
        key = "sequence" if table == "books" else "id"
        query = f"SELECT {key} FROM {table} WHERE {where}"
        return [row[0] for row in self.db.conn.execute(query, values).fetchall()]

    def one(self, table: str, where: str = "1", *values: object) -> int:
        found = self.ids(table, where, *values)
        # Few, so that they meet; and one that there is not.
        return self.random.choice([*found[:3], *found[-3:], *found[-12:-4], 999_999])

    def arguments(self, module: str, name: str, parameters) -> dict[str, object]:
        self.number += 1
        session = self.one("chat_sessions")
        given = self.given = {}
        for each in parameters:
            given[each.name] = self.value(f"{module}.{name}", module, each, session, given)
        return given

    def value(self, function, module, parameter, session, given):
        name, kind = parameter.name, parameter.annotation
        choose = self.random.choice
        if self.random.random() < 0.3 and type(None) in get_args(kind):
            return None
        if function == "sessions.save" and name == "was":
            self.saved = store.sessions.by_id(self.db, choose(self.ids("chat_sessions")))
            return self.saved
        if name == "kind" and (found := KINDS.get(function) or KINDS.get(module)):
            return choose(found)
        if name == "kind" and module == "words":
            return choose(store.words.OF_TIME if function == "words.of_time" else store.words.OF_PERSON)
        literal = literals(kind)
        if literal:
            return [choose(literal)] if name == "replaced" else choose(literal)
        return self.by_name(function, module, name, kind, session)

    def by_name(self, function, module, name, kind, session):
        choose, text = self.random.choice, f"{name} {self.number}"
        is_int = kind is int or int in get_args(kind)
        if name == "status" and module == "archive":
            return choose(["active", "ended"])
        if is_int and name in NUMBERS:
            return choose(NUMBERS[name])
        if name in {"message_id", "last_id", "known_id"} and "chat_session_id" in self.given:
            return self.one("messages", "chat_session_id = ?", session)
        if name in TABLES:
            return session if name == "chat_session_id" else self.one(TABLES[name])
        if self.random.random() < 0.6 and (column := PEOPLE.get(name)):
            row = store.sessions.by_id(self.db, session)
            if row and row[choose(column)]:
                return row[choose(column)] or row["client_id"]
        if name in {"client_id"} or (name in {"user_id"} and module in {"ledger", "payments"}):
            return self.one("users", "role = 'client'")
        if name in {"agent_id", "for_id"}:
            return self.one("users", "role = 'agent'")
        if is_int and name in {
            "user_id",
            "actor_id",
            "author_id",
            "reporter_id",
            "sender_id",
            "created_by",
            "only_id",
        }:
            return self.one("users")
        if name == "row_id":
            return self.one(choose(["ledger", "payouts", "payments", "payment_refunds"]))
        if name in {"user_ids"}:
            return self.random.sample(self.ids("users"), 5)
        if name in {"ids", "delivery_ids", "token_ids", "chat_session_ids"}:
            table = {"delivery_ids": "deliveries", "token_ids": "auth_tokens"}.get(name, "chat_sessions")
            return self.random.sample(self.ids(table), min(2, len(self.ids(table))))
        if name in {"revision", "cursor", "begun_at", "upto"} or (
            name == "since" and module in {"revision", "notices"}
        ):
            return choose(
                [
                    0,
                    *self.ids("chat_sessions", "revision < ?", 10**9),
                    store.revision.head(self.db) + self.number,
                ]
            )
        if name in {"before_id", "last_id", "first_id", "after_id", "known_id"}:
            return choose([0, 5, 50, 1 << 40])
        if name == "first" and module == "sessions":
            return store.revision.head(self.db) + 1000 * self.number
        if name in {"quarter", "first", "last"} or (name == "before" and module == "attendance"):
            return self.now // 900_000 - self.random.randrange(400)
        if name == "sequence":
            return choose(self.ids("books"))
        if name == "token_hashes":
            return [self.hash(), self.hash()]
        if name in {"token_hash", "code_hash", "key"} and kind is bytes:
            return self.hash()
        if name == "code_hashes":
            return [b"a" * 32, b"b" * 32]
        if kind is bytes:
            return {"p256dh": b"p" * 65, "auth": b"a" * 16}.get(name, b"\0\xff")
        if name == "content":
            agents = self.ids("users", "role = 'agent'")
            shares = [{"agent_id": choose(agents), "cents": 100, "share": 45} for _ in range(2)]
            return {
                "chat_session_id": session,
                "agent_id": choose(agents),
                "share_percent": 45,
                "currency": "EUR",
                "total_cents": 120,
                "shares": shares,
                "agent_since": 1,
                "rate_cents": 5,
                "key": text,
            }
        if name in {"facts"}:
            return {
                "name": "É.png",
                "type": "image/png",
                "bytes": 12,
                "width": 3,
                "height": choose([4, None]),
                "content": choose(["c1", "c2"]),
                "thumbnail": choose(["t1", None]),
            }
        if name == "contents":
            return ["c1", "c2", "t1", "none"]
        if name == "costs":
            return {b"k" * 32: 3}
        if name == "changed":
            return {
                "webhooks": {"label": text},
                "profiles": {"languages": choose(["fr", "en fr"]), "time_zone": "UTC"},
                "sessions": {"last_activity_at": self.now, "rating_comment": None},
                "users": {"headline": text},
                "widgets": {"label": text},
            }[module]
        if name == "terms":
            return {"first_increment_seconds": 60, "next_increment_seconds": 1, "minimum_cents": 5}
        if name == "delivered":
            return [
                (each, self.one("messages"), self.one("messages"))
                for each in self.ids("chat_sessions", "status <> 'ended'")
            ]
        if name == "later":
            return [(self.now, session, self.one("chat_sessions")), (None, session, 3)]
        if name == "there":
            return {self.now // 900_000 + self.number: 3, self.now // 900_000: 0}
        if name == "names":
            return choose([["a"], ["é", "l"], []])
        if name == "words":
            return []
        if name == "entry":
            return self.row("ledger")
        if name == "row":
            return self.row("outbox")
        if name == "mail":
            return {
                "user_id": self.one("users"),
                "kind": choose(["unread", "receipt"]),
                "about": choose([0, session]),
            }
        if name == "notice":
            return {
                "chat_session_id": session,
                "user_id": self.one("users"),
                "kind": "message",
                "message_id": self.number,
            }
        if kind is bool:
            return choose([True, False])
        if function == "reports.insert" and name == "reason":
            return choose(get_args(rows.ReportReason))
        if name in FEW:
            return choose(FEW[name])
        if is_int and name in {"minute", "step", "number"}:
            return self.number
        if is_int and name in {"amount_cents", "cents", "limit_cents", "most_cents"}:
            return choose([-50, 100, 250, 500])
        if is_int and (
            name in TIMES or name.endswith(("_at", "_by", "_from", "_since", "_before", "_until"))
        ):
            if name in {"since", "seen_after", "unread_from"}:
                return self.now - choose([40 * 86_400_000, 86_400_000, 1000])
            return self.now + choose([-86_400_000, 0, 1000, 86_400_000, 40 * 86_400_000])
        if is_int:
            return self.random.randrange(5)
        return choose([text, f"{name} 1", f"{name} 1", f"{name} 2"])

    def row(self, table: str):
        row = self.db.conn.execute(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1").fetchone()
        return dict(row) if row else {"id": 1, "user_id": 1, "payload": ""}

    def hash(self) -> bytes:
        found = [row[0] for row in self.db.conn.execute("SELECT token_hash FROM auth_tokens").fetchall()]
        return self.random.choice([*found, bytes([self.number % 256]) * 32])


def literals(kind) -> list[str]:
    """The texts that there are of it."""
    return [kind] if isinstance(kind, str) else [text for part in get_args(kind) for text in literals(part)]


def plain(value):
    """In dicts and lists, whatever the rows are made of."""
    if hasattr(value, "keys"):
        named = {name: plain(value[name]) for name in value.keys()}  # noqa: SIM118
        if "data" in named:  # Each writes JSON as it does; the key of a delivery is random.
            named |= {"data": json.loads(named["data"]), "key": ""}
        return named
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, str | bytes | int | None):
        return value
    if isinstance(value, set):
        return sorted(value)
    return [plain(each) for each in value]


def in_any_order(value):
    """With all lists in it sorted."""
    if isinstance(value, dict):
        return {name: in_any_order(each) for name, each in value.items()}
    return sorted(repr(in_any_order(each)) for each in value) if isinstance(value, list) else value


def functions():
    """(module, name, function, parameters after the connection) of all of the store."""
    for module in vars(store).values():
        if isinstance(module, ModuleType) and module.__name__.startswith("chat.store."):
            own = module.__name__.rpartition(".")[2]
            for name, function in vars(module).items():
                if inspect.isfunction(function) and function.__module__ == module.__name__ and name[0] != "_":
                    first, *others = inspect.signature(function).parameters.values() or [None]
                    if first is not None and first.name == "db" and own not in OWN | {"columns"}:
                        if name in OF_A_PLACE:
                            continue
                        yield own, name, function, others


def called(db, function, arguments):
    """What came of it: an answer, or a refusal by its kind; then nothing was done."""
    arguments = dict(arguments)
    page = arguments.pop("page", None) if function.__name__ == "save" else None
    changed = arguments.pop("changed", None) if function.__module__.endswith(("users", "widgets")) else None
    db.conn.execute("SAVEPOINT call")
    try:
        if page is not None:
            now = arguments.pop("now")
            answer = function(db, *arguments.values(), "site", "en", now=now)
        else:
            answer = function(db, *arguments.values(), **(changed or {}))
        answer = plain(answer)
    except Exception as error:
        db.conn.execute("ROLLBACK TO SAVEPOINT call")
        kinds = [each.__name__ for each in type(error).__mro__]
        kind = "IntegrityError" if "IntegrityError" in kinds else kinds[0]
        assert kind in {"IntegrityError", "AttributeError", "TypeError", "IndexError"}, error
        # A statement that only one of them understands is the other's error.
        answer = [f"refused: {kind}"]
    db.conn.execute("RELEASE SAVEPOINT call")
    return answer


@pytest.fixture
def both(tmp_path, postgres, monkeypatch):
    """A lived-in database in both engines, while the time stands still."""
    path = tmp_path / "chat.db"
    runtime = Runtime(Settings(database_url=f"sqlite:///{path}"))
    runtime.prepare()
    month.furnish(runtime, pairs.create(runtime, 1, "hash")[0], "hash")
    runtime.close()
    steady = clock.steady() * clock.NS_PER_MS
    monkeypatch.setattr("chat.clock.time.clock_gettime_ns", lambda _: steady)
    with closing(open_file(path)) as file, closing(connect(postgres.new())) as server:
        copy(file, server)
        file.conn.execute("BEGIN")
        server.conn.execute("BEGIN")
        yield Recorded(file), Recorded(server)


def tables(db) -> list[str]:
    return [
        row[0]
        for row in db.conn.execute(
            """
            SELECT tablename FROM pg_tables
            WHERE schemaname = current_schema() AND tablename <> 'schema_migrations'
            """
        ).fetchall()
    ]


def copy(file, server) -> None:
    """All rows, as they are."""
    server.conn.execute("SET session_replication_role = replica")
    for table in tables(server):
        found = file.conn.execute(f"SELECT * FROM {table} LIMIT 1") if table in known(file) else None
        names = columns(server, table)
        server.conn.execute(f"DELETE FROM {table}")
        if found is None:
            continue
        rows_ = file.conn.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
        marks = ", ".join("?" * len(names))
        server.conn.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", [tuple(row) for row in rows_]
        )
        align(file, server, table)
    server.conn.execute("SET session_replication_role = origin")


def known(file) -> set[str]:
    return {
        row[0]
        for row in file.conn.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search%'"
        ).fetchall()
    }


def columns(server, table: str) -> list[str]:
    return [
        row[0]
        for row in server.conn.execute(
            """
            SELECT column_name FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name = ? AND is_generated = 'NEVER'
                AND data_type <> 'tsvector'
            """,
            (table,),
        ).fetchall()
    ]


def align(file, server, table: str) -> None:
    """The next id is the same: one that was refused costs PostgreSQL a number."""
    sequence = server.conn.execute(
        """
        SELECT pg_get_serial_sequence(?, 'id') FROM information_schema.columns
        WHERE table_name = ? AND column_name = 'id'
        """,
        (table, table),
    ).fetchone()
    if sequence and sequence[0]:
        kept = file.conn.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        last = (
            kept[0] if kept else file.conn.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        )
        server.conn.execute(
            f"SELECT setval('{sequence[0]}', {max(1, last):d}, {str(last > 0).lower()})"
        ).fetchone()


def test_all_answer_alike(both):
    file, server = both
    calls, everything = Calls(file, SEED), [*functions()]
    made = [each for each in everything if MAKES.match(each[1])]
    kept = [each for each in everything if not TAKES.match(each[1])]
    for count, which in ((6, made), (ROUNDS, kept), (2, everything)):
        for module, name, function, parameters in calls.random.sample(which * count, len(which) * count):
            arguments = calls.arguments(module, name, parameters)
            first, second = (called(db, function, arguments) for db in both)
            if f"{module}.{name}" in UNORDERED:
                first, second = in_any_order(first), in_any_order(second)
            assert first == second, (module, name, arguments)
            for table in file.touched & known(file):
                align(file, server, table)
            file.touched.clear()
    for table in {*tables(server)} & known(file):
        first, second = (stored(db, table, columns(server, table)) for db in both)
        assert first == second, table


def stored(db, table: str, names: list[str]) -> list[str]:
    """All that is in it, but for what is random, or nothing refers to."""
    names = [each for each in names if (table, each) not in {("deliveries", "key"), ("happenings", "id")}]
    found = db.conn.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
    return sorted(repr(plain(dict(zip(names, row, strict=True)))) for row in found)
