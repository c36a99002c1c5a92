"""Searches among many messages, of one person's and of all: how long they take, and how long the index."""

import json
import random
import secrets
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from urllib.parse import quote

from bench import filling
from bench.client import Connection, get
from bench.measures import run
from bench.meter import Figures
from bench.server import Server, fresh_database
from chat.accounts import hash_token
from chat.database.sqlite.connection import sqlite3

PAIRS = 100
ENDED = 50_000
WORDS = 40_000
LONGEST = 24
TOKEN = """
    INSERT INTO auth_tokens (user_id, token_hash, created_at, expires_at)
    SELECT id, ?, 0, 1 << 60 FROM users WHERE role = 'admin'
"""
MESSAGE = """
    INSERT INTO messages (chat_session_id, sender_id, sender_type, message, created_at, revision)
    SELECT id, client_id, 'client', ?2, created_at, ?3 FROM chat_sessions WHERE id = ?1
"""
# The most common ones come first, as in any language each half as often as the one twice as common.
COMMON = """
    de la le les je vous et pour que un est pas dans bonjour avec sur merci contrat message demain loyer
""".split()  # noqa: SIM905
SYLLABLES = """
    ba be bi bo con de fa ga lo ma me na ou pa pro ra re sa se ta te ti tra vi voi
""".split()  # noqa: SIM905
ASKED = (
    *("de", "la", "vous", "bonjour", "merci", "contrat", "loyer", "ba", "con", "cont", "mess", "zzzz"),
    *("de la", "de la pour", "je vous dans", "merci contrat", "bonjour demain loy", "contrat zzzz"),
)


def search(options: Namespace) -> Figures:
    """Searches among a million messages: a client's, an agent's, an administrator's."""
    with fresh_database(PAIRS) as (database, sessions):
        admin = secrets.token_hex(16)
        seconds = _fill(database, options.messages, admin)
        tokens = {**sessions[0].tokens, "admin": admin}
        with Server(database, options.worker_class, 0) as server:
            return {
                "messages": options.messages,
                "s to make the index": seconds,
                "MB of the database": database.stat().st_size / 1e6,
                **run(_ask(server, tokens, options.rounds), options.seconds),
            }


async def _ask(server: Server, tokens: dict[str, str], rounds: int) -> Figures:
    """Each question in turn, by each of them; once more before, unmeasured, so that the file is in memory."""
    connection, figures, errors = await Connection.open(server.port), Figures(), 0
    for who, token in tokens.items():
        took = []
        for number in range((rounds + 1) * len(ASKED)):
            asked = quote(ASKED[number % len(ASKED)])
            began = perf_counter()
            answer = await connection.request(get(f"/api/chat/search?q={asked}", token))
            errors += answer.status != 200 or "found" not in json.loads(answer.body)
            if number >= len(ASKED):
                took.append((answer.arrived - began) * 1000)
        took.sort()
        figures |= {f"p50 ms: {who}": took[len(took) // 2], f"p95 ms: {who}": took[len(took) * 95 // 100]}
        figures[f"max ms: {who}"] = took[-1]
    connection.close()
    return {**figures, "errors": errors}


def _fill(path: Path, count: int, token: str) -> float:
    """How long the index took, made at once as the migration does."""
    filling.add_ended(path, ENDED)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA secure_delete = ON")
        with db:
            db.execute(TOKEN, (hash_token(token),))
            db.executemany(MESSAGE, _messages(count))
            db.execute("UPDATE revision SET head = (SELECT max(revision) FROM messages)")
        began = perf_counter()
        with db:
            db.execute("INSERT INTO search (search) VALUES ('rebuild')")
            db.execute("UPDATE server SET searched_message_id = (SELECT max(id) FROM messages)")
        return perf_counter() - began


def _messages(count: int) -> Iterator[tuple[int, str, int]]:
    """(session, text, revision), of sessions that go on beside one another."""
    chosen = random.Random(1)
    made = {"".join(chosen.choices(SYLLABLES, k=chosen.randint(2, 4))) for _ in range(WORDS)}
    words = [*COMMON, *sorted(made)]
    weights = list(accumulate(1 / (rank + 2) for rank in range(len(words))))
    for number in range(count):
        session = 1 + (number * ENDED // count + chosen.randint(0, PAIRS)) % ENDED
        text = " ".join(chosen.choices(words, cum_weights=weights, k=chosen.randint(2, LONGEST)))
        yield session, text, 10_000_000 + number
