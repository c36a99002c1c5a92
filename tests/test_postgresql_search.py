"""What is found in PostgreSQL is what is found in SQLite: the same messages, and the same of each."""

from contextlib import closing

import pytest

from chat import search, store
from chat.database import migrations
from chat.database.postgresql import connection as server
from chat.database.sqlite import connection as file

PEOPLE = """
    INSERT INTO users (id, role, name, email, password_hash, created_at) VALUES
        (1, 'client', 'Camille', 'c@e.org', '', 1), (2, 'agent', 'Anna', 'a@e.org', '', 1),
        (3, 'agent', 'Ben', 'b@e.org', '', 1), (4, 'admin', 'Root', 'r@e.org', '', 1),
        (12, 'client', 'Max', 'm@e.org', '', 1)
"""
SESSIONS = """
    INSERT INTO chat_sessions (id, client_id, agent_id, status, created_at, revision) VALUES
        (1, 1, 2, 'active', 1, 1), (2, 12, 3, 'active', 1, 2), (3, 1, NULL, 'waiting', 1, 3)
"""
LONG = (
    "Ceci est un début. "
    + "un deux trois quatre cinq " * 8
    + "le Tapir arrive: et "
    + "puis encore rien " * 9
    + "tapir final. Tapir! "
    + "fin " * 30
)
TEXTS = (
    "L'été à Besançon, <b>déjà</b> 10 % moins cher",
    "Été indien ?",
    "c'est l'ete de la Saint-Martin, l'été, l ete",
    "AND OR NOT NEAR c++ who a1 c1",
    "Prix : 12,50 € le 03/04/2026 (réf. AB-1234/56)",
    "Ça coûte 12 50 ; 1250 ou 12.50",
    "日本語 の テスト です。東京タワー",
    "東京 タワー 日本",
    "Привет, Ёлка и ёлка; ЁЛКА",
    "Ἀθῆναι ΑΘΗΝΑ Αθηνας σας ΣΑΣ",
    "Việt Nam: Đà Nẵng, Hà Nội",
    "Straße STRASSE ẞ strasse",
    "Istanbul İstanbul ISTANBUL \u0131stanbul",
    "Smile 🙂 et 😀 fin ✓ ok👍 bien",
    "e\u0301te\u0301 de\u0301compose\u0301 en NFD",
    "a" * 3000,
    "x y z " * 600,
    LONG,
    LONG.upper(),
    "Fin. " + "mot " * 40 + "tapir " + "mot " * 40 + "été",
    "…tapir, en tête " + "suite " * 30,
    "snake_case kebab-case camelCase a.b.c@example.org https://example.org/x?y=1",
    "2² ½ ① Ⅻ x²y",
    "한국어 조선 한국",
    "हिन्दी में",
    "\ufdd0 non \ufdd1",
    "tab\tnl\nfin\r\nété\u00a0là",
    "un \\ ' \" : & | ! <-> * ( )",
)
READERS = (("client", 1), ("client", 12), ("agent", 2), ("agent", 3), ("agent", 1), ("admin", 4))
QUERIES = (
    "ete", "ÉTÉ", "été besan", "l'été", "l'éte", "déjà 10", "moins l'été", "BESANÇON", "<b>déjà</b>",
    "autre", "esançon", "c'été", "ind besançon", "e", "et", "AND NOT", "c++ NEAR", "c++", "a1", "c1",
    "who", "@c1", "12", "12,50", "12.50", "1250", "12 50", "AB-12", "ab 1234", "56/ab", "03/04", "日本",
    "日本語", "東京", "テ", "テスト", "ёлка", "елка", "ЁЛ", "привет елка", "αθηνα", "σας", "ΣΑΣ",
    "Ἀθῆναι", "Αθ", "viet nam", "đà", "da nang", "ha no", "strasse", "straße", "ß", "istanbul",
    "İstanbul", "\u0131st", "smile", "🙂 fin", "ok", "bien", "🙂", "decompose", "e\u0301te\u0301", "aaa",
    "a" * 190, "z x y", "y z x y", "tapir", "tapir arr", "deux trois", "fin tapir", "final tapir",
    "mot été", "mot mot mot", "tapir en", "suite tete", "snake_case", "snake", "case", "kebab-c",
    "camelcase", "a.b.c", "example.org", "https://ex", "x²", "½", "①", "ⅻ", "xii", "한국", "한",
    "조선 한국어", "हिन्दी", "non", "tab nl", "là", "un '", "zzz", "un zzz", "trois quatre cinq un deux",
    "cinq le t", "encore rien tapir", "x " * 90,
)  # fmt: skip


@pytest.fixture(scope="module")
def both(tmp_path_factory, postgres):
    """The same messages in both, as they are taken in by and by."""
    path = tmp_path_factory.mktemp("search") / "chat.db"
    path.touch()
    with closing(file.connect(path)) as sqlite, closing(server.connect(postgres.new())) as postgresql:
        migrations.apply(sqlite)
        for db in (sqlite, postgresql):
            fill(db)
        yield sqlite, postgresql


def fill(db):
    for statement in ("UPDATE server SET currency = 'EUR'", PEOPLE, SESSIONS):
        db.conn.execute(statement)
    db.conn.executemany(
        """
        INSERT INTO messages (id, chat_session_id, sender_id, sender_type, message, created_at, revision)
        VALUES (?, ?, ?, 'client', ?, 1, ?)
        """,
        [
            (number, session_id, 12 if session_id == 2 else 1, text, number)
            for number, (text, session_id) in enumerate(
                ((text, session_id) for session_id in (1, 2, 3) for text in TEXTS), 1
            )
        ],
    )
    while store.search.is_behind(db):
        store.search.advance(db, 10)


@pytest.fixture
def changed(both):
    """In transactions that are taken back."""
    for db in both:
        db.conn.execute("BEGIN")
    yield both
    for db in both:
        db.conn.execute("ROLLBACK")


def found(db, text, role, user_id, before_id=10**9, limit=1000):
    words = search.words(text)
    rows = store.search.find(db, words, role, user_id, before_id, limit) if words else []
    return [dict(zip(row.keys(), row, strict=True)) if not isinstance(row, dict) else row for row in rows]


def test_the_same_is_found_and_shown(both):
    some = 0
    for text in QUERIES:
        for role, user_id in (
            ("client", 1),
            ("client", 12),
            ("agent", 2),
            ("agent", 3),
            ("admin", 4),
            ("agent", 1),
        ):
            ours, theirs = (found(db, text, role, user_id) for db in reversed(both))
            assert ours == theirs, (text, role)
            some += bool(ours)
    assert some > 300


def test_pages_go_on_where_the_last_one_ended(both):
    for db in both:
        ids = [row["message_id"] for row in found(db, "ete", "admin", 4)]
        first = [row["message_id"] for row in found(db, "ete", "admin", 4, limit=3)]
        rest = [row["message_id"] for row in found(db, "ete", "admin", 4, before_id=first[-1])]
        assert (first + rest, ids) == (ids, sorted(ids, reverse=True))


def test_what_is_edited_deleted_or_handed_over_is_found_as_it_is_at_once(changed):
    for db in changed:
        db.conn.execute("UPDATE messages SET message = 'Wellensittich' WHERE id = 1")
        db.conn.execute("UPDATE messages SET message = '' WHERE id = 2")
        assert [row["message_id"] for row in found(db, "wellen", "agent", 2)] == [1]
        assert not {1, 2} & {row["message_id"] for row in found(db, "ete", "admin", 4)}
        before = found(db, "tapir", "agent", 2)
        assert found(db, "wellen", "agent", 3) == []
        db.conn.execute("UPDATE chat_sessions SET agent_id = 3 WHERE id = 1")
        assert found(db, "tapir", "agent", 2) == found(db, "wellen", "agent", 2) == []
        assert len(found(db, "tapir", "agent", 3)) == 2 * len(before)
        db.conn.execute("UPDATE chat_sessions SET agent_id = 2 WHERE id = 3")
        assert len(found(db, "tapir", "agent", 2)) == len(before)


def test_what_is_not_taken_in_yet_is_found_later_and_only_as_it_is_then(changed):
    for db in changed:
        add = """
            INSERT INTO messages (id, chat_session_id, sender_id, sender_type, message, created_at, revision)
            VALUES (500, 1, 1, 'client', 'Kanarienvogel', 1, 500)
        """
        db.conn.execute(add)
        assert store.search.is_behind(db)
        db.conn.execute("UPDATE messages SET message = 'Papagei' WHERE id = 500")
        assert found(db, "papagei", "client", 1) == []
        store.search.advance(db, 10)
        assert [row["message_id"] for row in found(db, "papagei", "client", 1)] == [500]
        assert found(db, "kanarienvogel", "client", 1) == []
        assert not store.search.is_behind(db)


def test_sessions_are_found_by_their_messages(both):
    for text in ("tapir", "ete ind", "zzz"):
        ids = [
            [row["id"] for row in store.archive.search(db, [], search.words(text), None, 10**9, 100)]
            for db in both
        ]
        assert ids[0] == ids[1]
        assert bool(ids[0]) == (text != "zzz")


def test_a_word_that_is_asked_for_again_and_again_is_looked_for_once(both):
    for db in both:
        again, once = (
            store.search.asked(db, words) for words in (["Été", "x", "ete", "X", "été"], ["X", "été"])
        )
        assert again == once
