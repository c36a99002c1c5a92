"""Statistics of a year in which much was asked for, while sends go on: what both take."""

import asyncio
import hashlib
from argparse import Namespace
from contextlib import closing
from pathlib import Path
from time import perf_counter

from bench.client import Connection, Pool, get
from bench.filling import add_year
from bench.measures import INTRODUCED, run
from bench.meter import Figures, side_by_side
from bench.readers import Record, polling
from bench.senders import finish, send_in_turn, send_steadily
from bench.server import Server, Session, fresh_database
from chat.database.sqlite.connection import sqlite3

SENDING_SECONDS = 1.0
PATHS = {
    "year": "/api/chat/statistics?days=365",
    "month": "/api/chat/statistics?days=30",
    "year of an agent": "/api/chat/statistics?days=365&agentId=2",
    "page": "/admin/statistics?days=30",
}
TOKEN = "bench-administrator"
SIGN_IN = """
    INSERT INTO auth_tokens (user_id, token_hash, created_at, expires_at)
    SELECT min(id), ?, 0, 4102444800000 FROM users WHERE role = 'admin'
"""


def year(options: Namespace) -> Figures:
    """The statistics of a year with many requests, with sends before and meanwhile."""
    with fresh_database(options.polls // 2) as (database, sessions):
        add_year(database, options.requests)
        with closing(sqlite3.connect(database)) as db, db:
            db.execute(SIGN_IN, (hashlib.sha256(TOKEN.encode()).digest(),))
        with Server(database, options.worker_class, options.polls) as server:
            return run(_year(options, server, sessions, database), options.seconds)


async def _year(options: Namespace, server: Server, sessions: list[Session], database: Path) -> Figures:
    record, pool = Record(), Pool(server.port)
    async with polling(server.port, sessions, record) as readers:
        await send_in_turn(pool, record, readers[:INTRODUCED])
        record.answers.clear()
        await finish(await send_steadily(pool, record, readers, options.rate, options.seconds), record)
        found, took = {"before": record.answer()}, {}
        record.answers.clear()
        asking = asyncio.create_task(_ask(server.port))
        sends = []
        while not asking.done():
            sends += await send_steadily(pool, record, readers, options.rate, SENDING_SECONDS)
        await finish(sends, record)
        took = asking.result()
    pool.close()
    found["meanwhile"] = record.answer()
    return {
        "MB": database.stat().st_size / 1e6,
        **{f"s: {name}": seconds for name, seconds in took.items()},
        "sends meanwhile": len(record.answers),
        **side_by_side(found),
        **record.mistakes(readers),
    }


async def _ask(port: int) -> dict[str, float]:
    """How long each takes, one after the other: the second time, when what it reads is in memory."""
    connection, took = await Connection.open(port), {}
    for name, path in PATHS.items():
        for _ in range(2):
            began = perf_counter()
            answer = await connection.request(get(path, TOKEN, f"Cookie: session={TOKEN}\r\n"))
            took[name] = perf_counter() - began
            if answer.status != 200:
                raise RuntimeError(f"{path} answers {answer.status}")
    return took
