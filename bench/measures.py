"""What is measured of a server that runs: each gives its figures by name."""

import asyncio
import gc
import itertools
from argparse import Namespace
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, TypeVar

from bench.client import Pool
from bench.meter import Figures, Meter
from bench.readers import SIDES, Make, Reader, Record, polling
from bench.senders import finish, repeat, send, send_in_turn, send_steadily, warm_up
from bench.server import Program, Session

Result = TypeVar("Result")

# Opening and draining 10,000 polls, beside what is measured.
OVERHEAD_SECONDS = 300.0
# People who have sent a message before sends are measured: somebody's first one is read in full.
INTRODUCED = 1000


async def hold(options: Namespace, server: Program, sessions: list[Session], make: Make = Reader) -> Figures:
    """Polls that wait, and a steady number of sends."""
    record, pool = Record(), Pool(server.port)
    await warm_up(server.port, sessions[0], make)
    before = server.memory_kb()
    async with polling(server.port, sessions, record, make) as readers:
        meter = Meter(server, record.counts)
        await asyncio.sleep(options.idle)
        idle, held = meter.stop(), server.memory_kb()
        await send_in_turn(pool, record, readers[:INTRODUCED])
        record.latencies.clear()
        meter = Meter(server, record.counts)
        sends = await send_steadily(pool, record, readers, options.rate, options.seconds)
        rates = meter.stop()
        await finish(sends, record)
    pool.close()
    return {
        "polls held": len(readers),
        "KB per held poll": (held - before) / len(readers),
        "idle: worker CPU %": idle["worker CPU %"],
        "idle: poll answers/s": idle["poll answers/s"],
        **rates,
        **record.delivery(),
        **record.mistakes(readers),
    }


async def burst(options: Namespace, server: Program, sessions: list[Session], make: Make = Reader) -> Figures:
    """Senders that never pause, beside polls that only wait."""
    record, pool = Record(), Pool(server.port)
    await warm_up(server.port, sessions[0], make)
    async with polling(server.port, sessions, record, make) as readers:

        async def send_next(number: int) -> None:
            await send(pool, record, readers[2 * number])

        meter = Meter(server, record.counts)
        senders = await repeat(send_next, options.sessions, options.seconds)
        rates = meter.stop()
        await finish(senders, record)
    pool.close()
    return {"polls held": len(readers), **rates, **record.delivery(), **record.mistakes(readers)}


async def conversation(
    options: Namespace, server: Program, sessions: list[Session], make: Make = Reader
) -> Figures:
    """A session's next message is sent when both parties have the previous one."""
    record, pool = Record(), Pool(server.port)
    await warm_up(server.port, sessions[0], make)
    async with polling(server.port, sessions, record, make) as readers:

        async def say_next(number: int) -> None:
            parties = readers[2 * number : 2 * number + 2]
            sent = len(record.acknowledged[sessions[number].id])
            message_id = await send(pool, record, parties[sent % 2])
            for reader in parties:
                await reader.has(message_id)

        meter = Meter(server, record.counts)
        senders = await repeat(say_next, options.sessions, options.seconds)
        rates = meter.stop()
        await finish(senders, record)
    pool.close()
    return {"polls held": len(readers), **rates, **record.delivery(), **record.mistakes(readers)}


async def get(options: Namespace, server: Program, sessions: list[Session], make: Make = Reader) -> Figures:
    """Plain GETs of messages, with nothing new to tell."""
    return await _ask(options, server, sessions, make, lambda reader: reader.request())


async def post(options: Namespace, server: Program, sessions: list[Session], make: Make = Reader) -> Figures:
    """Plain POSTs of messages, which nobody waits for."""
    numbers = itertools.count()
    return await _ask(options, server, sessions, make, lambda reader: reader.message(f"{next(numbers)}"))


async def _ask(
    options: Namespace,
    server: Program,
    sessions: list[Session],
    make: Make,
    request: Callable[[Reader], bytes],
) -> Figures:
    """One connection for each session, whose next request is written when the last one is answered."""
    record = Record()
    ms: list[float] = []
    await warm_up(server.port, sessions[0], make)
    readers = [make(server.port, session, SIDES[0], record) for session in sessions]
    connections = [await reader.open() for reader in readers]

    async def ask_next(number: int) -> None:
        written = perf_counter()
        answer = await connections[number].request(request(readers[number]))
        ms.append((answer.arrived - written) * 1000)
        if answer.status not in (200, 201):
            record.errors[f"status {answer.status}"] += 1

    meter = Meter(server, lambda: {"requests": len(ms)})
    askers = await repeat(ask_next, options.connections, options.seconds)
    rates = meter.stop()
    await finish(askers, record)
    for reader in readers:
        reader.close()
    ms.sort()
    return {
        **rates,
        "answer p50 ms": ms[len(ms) // 2],
        "answer p99 ms": ms[len(ms) * 99 // 100],
        **record.error_counts(),
    }


def run(scenario: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """Run it in its time, without the garbage collector: its pauses would count as delivery."""

    async def bounded() -> Result:
        async with asyncio.timeout(seconds + OVERHEAD_SECONDS):
            return await scenario

    gc.collect()
    gc.disable()
    try:
        return asyncio.run(bounded())
    finally:
        gc.enable()
