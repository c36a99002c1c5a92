"""A reload or an upgrade while polls are held: until when all are held again, what sends take meanwhile."""

import asyncio
import json
import time
from argparse import Namespace
from time import perf_counter
from typing import Any

import orjson

from bench.client import Connection, Pool, get, post
from bench.measures import INTRODUCED, run
from bench.meter import Figures, side_by_side
from bench.readers import Reader, Record, polling
from bench.senders import finish, send_in_turn, send_steadily
from bench.server import Inheriting, Server, Session, fresh_database

LOOK_SECONDS = 0.01
# Sends go on for so long at a time, until all polls are held.
SENDING_SECONDS = 1.0
MOST_REPEATS = 20


class Page(Reader):
    """Whoever is cut comes back at once, and sends again what was not answered, with the same key."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.cut = self.repeated = 0
        self._texts: set[str] = set()

    def message(self, text: str) -> bytes:
        """A POST of a message that is safe to send again: its number is its key."""
        key = text.partition(":")[0]
        content = {"chat_session_id": self.session.id, "message": text, "client_message_id": key}
        return post("/api/chat/message", self._token, orjson.dumps(content))

    async def send(self, pool: Pool, text: str) -> int:
        """Send a message until that is answered, and return its id."""
        for _ in range(MOST_REPEATS):
            try:
                return await super().send(pool, text)
            except ConnectionError:
                self.repeated += 1
        raise OSError("never answered")

    async def _poll(self) -> float:
        try:
            return await super()._poll()
        except ConnectionError:
            self.cut += 1
            return 0.0

    def _take_message(self, message: dict[str, Any], arrived: float) -> None:
        super()._take_message(message, arrived)
        if message["message"] in self._texts:
            self._record.errors["stored twice"] += 1
        self._texts.add(message["message"])


def reload(options: Namespace) -> Figures:
    """SIGHUP while polls are held and sends go on: until all are held by the new worker."""
    with (
        fresh_database(options.polls // 2) as (database, sessions),
        Server(database, options.worker_class, options.polls) as server,
    ):
        return run(_reload(options, server, sessions), options.seconds)


def upgrade(options: Namespace) -> Figures:
    """The same where the server is stopped and another one started on the socket that it inherits."""
    with (
        fresh_database(options.polls // 2) as (database, sessions),
        Inheriting(database, options.worker_class, options.polls) as server,
    ):
        return run(_reload(options, server, sessions), options.seconds)


async def _reload(options: Namespace, server: Server, sessions: list[Session]) -> Figures:
    record, pool = Record(), Pool(server.port)
    async with polling(server.port, sessions, record, Page) as readers:
        await send_in_turn(pool, record, readers[:INTRODUCED])
        record.answers.clear()
        await finish(await send_steadily(pool, record, readers, options.rate, options.seconds), record)
        found = {"before": record.answer()}
        record.answers.clear()
        worker = (await _health(server.port))["worker"]
        began, used = perf_counter(), time.process_time()
        replacing = asyncio.create_task(asyncio.to_thread(server.reload))
        held = asyncio.create_task(_all_held(server.port, worker, len(readers)))
        sends = []
        while not held.done():
            sends += await send_steadily(pool, record, readers, options.rate, SENDING_SECONDS)
        client = 100 * (time.process_time() - used) / (perf_counter() - began)
        await replacing
        await finish(sends, record)
    pool.close()
    found["meanwhile"] = record.answer()
    return {
        "polls held": len(readers),
        "s until all are held": held.result() - began,
        "sends meanwhile": len(record.answers),
        "client CPU %": client,
        **side_by_side(found),
        "cut": sum(reader.cut for reader in readers),
        "sends repeated": sum(reader.repeated for reader in readers),
        **record.mistakes(readers),
    }


async def _all_held(port: int, old: int, polls: int) -> float:
    """When that was so, by perf_counter, in another worker than the `old` one."""
    while True:
        health = await _health(port)
        if health["worker"] != old and health["held_polls"] >= polls:
            return perf_counter()
        await asyncio.sleep(LOOK_SECONDS)


async def _health(port: int) -> dict[str, int]:
    """On a connection of its own: the next one may be another worker's."""
    connection = await Connection.open(port)
    health: dict[str, int] = json.loads((await connection.request(get("/healthz", ""))).body)
    connection.close()
    return health
