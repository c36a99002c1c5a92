"""What others wait while everybody whose poll was cut comes back at once."""

import asyncio
import json
import multiprocessing
from argparse import Namespace
from collections.abc import Callable
from http.client import HTTPConnection
from multiprocessing.connection import Connection as Pipe
from time import perf_counter, sleep

from bench.client import HOST, Connection
from bench.meter import Figures
from bench.readers import SIDES, Reader, Record
from bench.server import Server, fresh_database

PROBE_SECONDS = 0.01
ALONE_SECONDS = 2.0
LIMIT_SECONDS = 300.0
# So many begin to connect at a time: the system's queue of connections has room for 4,096.
CONNECTING = 1000


def storm(options: Namespace) -> Figures:
    """All held polls are cut and come back at once, three times; beside it somebody asks for /healthz."""
    with (
        fresh_database(options.polls // 2) as (database, sessions),
        Server(database, options.worker_class, options.polls) as server,
    ):
        readers = [Reader(server.port, session, side, Record()) for session in sessions for side in SIDES]
        alone = _probed(server, lambda: sleep(ALONE_SECONDS))
        storms = _probed(server, lambda: asyncio.run(_come_back(server, readers, options.rounds)))
    return {
        "polls held": len(readers),
        "s until all are held": storms.pop("seconds") / options.rounds,
        **{f"alone: {name}": value for name, value in alone.items() if name != "seconds"},
        **storms,
    }


async def _come_back(server: Server, readers: list[Reader], rounds: int) -> None:
    gate = asyncio.Semaphore(CONNECTING)

    async def hold(reader: Reader) -> Connection:
        async with gate:
            connection = await Connection.open(server.port)
        answer = connection.request(reader.request("&longPoll=true"))
        answer.add_done_callback(lambda cut: cut.exception())
        return connection

    async def read(reader: Reader) -> None:
        async with gate:
            (await reader.open()).close()

    async with asyncio.timeout(LIMIT_SECONDS):
        await asyncio.gather(*map(read, readers))
        for _ in range(rounds):
            connections = await asyncio.gather(*map(hold, readers))
            while _health(server.port)["held_polls"] < len(readers):
                await asyncio.sleep(PROBE_SECONDS)
            for connection in connections:
                connection.close()


def _probed(server: Server, work: Callable[[], None]) -> Figures:
    """Do it, while another process asks for /healthz again and again: what that took."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_probe, args=(server.port, theirs))
    process.start()
    ours.recv()
    began = perf_counter()
    work()
    seconds = perf_counter() - began
    ours.send("stop")
    ms = sorted(ours.recv())
    process.join()
    return {
        "seconds": seconds,
        "healthz p50 ms": ms[len(ms) // 2],
        "healthz p99 ms": ms[len(ms) * 99 // 100],
        "healthz max ms": ms[-1],
    }


def _probe(port: int, pipe: Pipe) -> None:
    ms = []
    _health(port)
    pipe.send("started")
    while not pipe.poll(PROBE_SECONDS):
        began = perf_counter()
        _health(port)
        ms.append((perf_counter() - began) * 1000)
    pipe.send(ms)


def _health(port: int) -> dict[str, int]:
    """On a connection of its own, as a load balancer asks."""
    connection = HTTPConnection(HOST, port, timeout=LIMIT_SECONDS)
    try:
        connection.request("GET", "/healthz")
        health: dict[str, int] = json.loads(connection.getresponse().read())
        return health
    finally:
        connection.close()
