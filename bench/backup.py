"""A backup while polls are held and sends go on: how long it takes, and what sends take meanwhile."""

import asyncio
import os
import sys
from argparse import Namespace
from pathlib import Path
from time import perf_counter

from bench.client import Pool
from bench.filling import add_messages
from bench.measures import INTRODUCED, run
from bench.meter import Figures, side_by_side
from bench.readers import Record, polling
from bench.senders import finish, send_in_turn, send_steadily
from bench.server import ROOT, Server, Session, fresh_database

SENDING_SECONDS = 1.0


def backup(options: Namespace) -> Figures:
    """`tete-a-tete backup` of a database with many messages, with sends before it and meanwhile."""
    with fresh_database(options.polls // 2) as (database, sessions):
        add_messages(database, sessions[0].id, options.messages)
        with Server(database, options.worker_class, options.polls) as server:
            return run(_backup(options, server, sessions, database), options.seconds)


async def _backup(options: Namespace, server: Server, sessions: list[Session], database: Path) -> Figures:
    record, pool = Record(), Pool(server.port)
    async with polling(server.port, sessions, record) as readers:
        await send_in_turn(pool, record, readers[:INTRODUCED])
        # What was filled in is in the log, which is first brought into the file.
        await finish(await send_steadily(pool, record, readers, options.rate, options.seconds), record)
        record.answers.clear()
        await finish(await send_steadily(pool, record, readers, options.rate, options.seconds), record)
        found = {"before": record.answer()}
        record.answers.clear()
        began = perf_counter()
        copying = asyncio.create_task(_copy(database))
        sends = []
        while not copying.done():
            sends += await send_steadily(pool, record, readers, options.rate, SENDING_SECONDS)
        await finish(sends, record)
    pool.close()
    found["meanwhile"] = record.answer()
    return {
        "MB": database.stat().st_size / 1e6,
        "s until it is checked": copying.result() - began,
        "sends meanwhile": len(record.answers),
        **side_by_side(found),
        **record.mistakes(readers),
    }


async def _copy(database: Path) -> float:
    """When it was done, by perf_counter; on any core, as an operator's would be."""
    environment = os.environ | {"CHAT_DATABASE_URL": f"sqlite:///{database}"}
    command = [
        sys.executable,
        "-m",
        "flask",
        "--app",
        "app",
        "chat",
        "backup",
        str(database.parent / "copies"),
    ]
    cores = range(os.cpu_count() or 1)
    made = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, preexec_fn=lambda: os.sched_setaffinity(0, cores)
    )
    if await made.wait():
        raise RuntimeError("no backup was made")
    return perf_counter()
