"""The scenarios: each starts its own server and returns its figures by name."""

import asyncio
import gc
import json
from argparse import Namespace
from collections.abc import Coroutine
from time import perf_counter
from typing import Any, TypeVar

from bench.client import Connection, Pool, Stream, post
from bench.client import get as get_request
from bench.meter import Figures, Meter
from bench.pages import pages
from bench.readers import SETTLE_SECONDS, SIDES, TRANSPORTS, Reader, Record, polling
from bench.senders import finish, repeat, send, send_steadily, warm_up
from bench.server import Server, Session, fresh_database
from bench.storm import storm

Result = TypeVar("Result")

# Opening and draining 10,000 polls, beside what a scenario measures.
OVERHEAD_SECONDS = 300.0
# After a poll has been written: by then the server holds it.
HELD_SECONDS = 0.05


def hold(options: Namespace) -> Figures:
    """Polls that wait, and a steady number of sends."""
    with (
        fresh_database(options.polls // 2) as (database, sessions),
        Server(database, options.worker_class, options.polls) as server,
    ):
        return _run(_hold(options, server, sessions), options.idle + options.seconds)


def streams(options: Namespace) -> Figures:
    """`hold` and then `burst` with long polling, server-sent events and WebSockets in turn."""
    found: dict[str, Figures] = {}
    for name, transport in TRANSPORTS.items():
        with (
            fresh_database(options.polls // 2) as (database, sessions),
            Server(database, options.worker_class, options.polls) as server,
        ):
            steady = _hold(options, server, sessions, transport)
            found[name] = _run(steady, options.idle + options.seconds)
        with (
            fresh_database(options.sessions) as (database, sessions),
            Server(database, options.worker_class, 2 * options.sessions) as server,
        ):
            full = _run(_burst(options, server, sessions, transport), options.seconds)
            found[name] |= {f"full: {figure}": value for figure, value in full.items()}
    figures = dict.fromkeys(figure for each in found.values() for figure in each)
    return {f"{figure}: {name}": found[name].get(figure, 0) for figure in figures for name in found}


async def _hold(
    options: Namespace, server: Server, sessions: list[Session], transport: type[Stream] | None = None
) -> Figures:
    record, pool = Record(), Pool(server.port)
    await warm_up(server.port, sessions[0])
    before = server.memory_kb()
    async with polling(server.port, sessions, record, transport) as readers:
        meter = Meter(server, record.counts)
        await asyncio.sleep(options.idle)
        idle, held = meter.stop(), server.memory_kb()
        meter = Meter(server, record.counts)
        sends = await send_steadily(pool, record, sessions, options.rate, options.seconds)
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


def cross(options: Namespace) -> Figures:
    """Polls held by one gunicorn, sends to another one on the same database."""
    worker_class, settings = options.worker_class, {"CHAT_DOORBELL": options.doorbell}
    with (
        fresh_database(options.polls // 2) as (database, sessions),
        Server(database, worker_class, options.polls, settings) as holding,
        Server(database, worker_class, 0, settings) as sending,
    ):
        return _run(_cross(options, holding, sending, sessions), options.seconds)


async def _cross(
    options: Namespace,
    holding: Server,
    sending: Server,
    sessions: list[Session],
) -> Figures:
    record, pool = Record(), Pool(sending.port)
    await warm_up(sending.port, sessions[0])
    async with polling(holding.port, sessions, record) as readers:
        meter = Meter(holding, record.counts)
        sends = await send_steadily(pool, record, sessions, options.rate, options.seconds)
        rates = meter.stop()
        await finish(sends, record)
    pool.close()
    return {"polls held": len(readers), **rates, **record.delivery(), **record.mistakes(readers)}


def inbox(options: Namespace) -> Figures:
    """An agent's inbox held by one gunicorn, requests for a session to another one."""
    worker_class = options.worker_class
    with (
        fresh_database(2) as (database, sessions),
        Server(database, worker_class, 2) as holding,
        Server(database, worker_class, 0) as sending,
    ):
        return _run(_inbox(options, holding, sending, sessions), options.seconds)


async def _inbox(
    options: Namespace,
    holding: Server,
    sending: Server,
    sessions: list[Session],
) -> Figures:
    record = Record()
    agent, client = sessions[0].tokens["agent"], sessions[1].tokens["client"]
    inbox, requests = await Connection.open(holding.port), await Connection.open(sending.port)
    path = "/api/chat/sessions"
    shown = await inbox.request(get_request(f"{path}/{sessions[0].id}", agent))
    asked = json.dumps({"agent_id": json.loads(shown.body)["session"]["agent"]["id"]}).encode()
    deadline = perf_counter() + options.seconds
    while perf_counter() < deadline:
        cursor = json.loads((await inbox.request(get_request(path, agent))).body)["cursor"]
        held = inbox.request(get_request(f"{path}?cursor={cursor}&longPoll=true", agent))
        await asyncio.sleep(HELD_SECONDS)
        written = perf_counter()
        answer = await requests.request(post(path, client, asked))
        if answer.status != 201:
            record.errors[f"request: status {answer.status}"] += 1
        record.latencies.append((await held).arrived - written)
        session_id = json.loads(answer.body)["session"]["id"]
        await requests.request(post(f"{path}/{session_id}/cancel", client, b""))
    for connection in (inbox, requests):
        connection.close()
    return {"requests": len(record.latencies), **record.delivery(), **record.error_counts()}


def burst(options: Namespace) -> Figures:
    """Senders that never pause, beside polls that only wait."""
    with (
        fresh_database(options.sessions + options.polls // 2) as (database, sessions),
        Server(database, options.worker_class, 2 * len(sessions)) as server,
    ):
        return _run(_burst(options, server, sessions), options.seconds)


async def _burst(
    options: Namespace, server: Server, sessions: list[Session], transport: type[Stream] | None = None
) -> Figures:
    record, pool = Record(), Pool(server.port)
    await warm_up(server.port, sessions[0])
    async with polling(server.port, sessions, record, transport) as readers:

        async def send_next(number: int) -> None:
            await send(pool, record, sessions[number], SIDES[0])

        meter = Meter(server, record.counts)
        senders = await repeat(send_next, options.sessions, options.seconds)
        rates = meter.stop()
        await finish(senders, record)
    pool.close()
    return {"polls held": len(readers), **rates, **record.delivery(), **record.mistakes(readers)}


def conversation(options: Namespace) -> Figures:
    """A session's next message is sent when both parties have the previous one."""
    with (
        fresh_database(options.sessions) as (database, sessions),
        Server(database, options.worker_class, 2 * len(sessions)) as server,
    ):
        return _run(_conversation(options, server, sessions), options.seconds)


async def _conversation(options: Namespace, server: Server, sessions: list[Session]) -> Figures:
    record, pool = Record(), Pool(server.port)
    await warm_up(server.port, sessions[0])
    async with polling(server.port, sessions, record) as readers:

        async def say_next(number: int) -> None:
            session = sessions[number]
            side = SIDES[len(record.acknowledged[session.id]) % 2]
            message_id = await send(pool, record, session, side)
            for reader in readers[2 * number : 2 * number + 2]:
                await reader.has(message_id)

        meter = Meter(server, record.counts)
        senders = await repeat(say_next, options.sessions, options.seconds)
        rates = meter.stop()
        await finish(senders, record)
    pool.close()
    return {"polls held": len(readers), **rates, **record.delivery(), **record.mistakes(readers)}


def get(options: Namespace) -> Figures:
    """Plain GETs of messages, with nothing new to tell."""
    with (
        fresh_database(options.connections) as (database, sessions),
        Server(database, options.worker_class, 0) as server,
    ):
        return _run(_get(options, server, sessions), options.seconds)


async def _get(options: Namespace, server: Server, sessions: list[Session]) -> Figures:
    record = Record()
    ms: list[float] = []
    await warm_up(server.port, sessions[0])
    readers = [Reader(server.port, session, SIDES[0], record) for session in sessions]
    connections = [await reader.open() for reader in readers]

    async def get_next(number: int) -> None:
        written = perf_counter()
        answer = await connections[number].request(readers[number].request())
        ms.append((answer.arrived - written) * 1000)
        if answer.status != 200:
            record.errors[f"fetch: status {answer.status}"] += 1

    meter = Meter(server, lambda: {"requests": len(ms)})
    getters = await repeat(get_next, options.connections, options.seconds)
    rates = meter.stop()
    await finish(getters, record)
    for reader in readers:
        reader.close()
    ms.sort()
    return {
        **rates,
        "answer p50 ms": ms[len(ms) // 2],
        "answer p99 ms": ms[len(ms) * 99 // 100],
        **record.error_counts(),
    }


def stop(options: Namespace) -> Figures:
    """SIGTERM while polls are held, with both worker classes."""
    figures: Figures = {"polls held": options.polls}
    for worker_class in ("gevent", "gthread"):
        with (
            fresh_database(options.polls // 2) as (database, sessions),
            Server(database, worker_class, options.polls) as server,
        ):
            answered, seconds = _run(_stop(server, sessions), 0)
        figures[f"{worker_class}: answered 200"] = answered
        figures[f"{worker_class}: cut"] = options.polls - answered
        figures[f"{worker_class}: seconds until exit"] = seconds
    return figures


async def _stop(server: Server, sessions: list[Session]) -> tuple[int, float]:
    """How many held polls were answered with 200, and how long the exit took."""
    polls = []
    for session in sessions:
        for side in SIDES:
            reader = Reader(server.port, session, side, Record())
            connection = await reader.open()
            polls.append(connection.request(reader.request("&longPoll=true")))
    await asyncio.sleep(SETTLE_SECONDS)
    seconds = await asyncio.to_thread(server.stop)
    answers = await asyncio.gather(*polls, return_exceptions=True)
    return sum(getattr(answer, "status", 0) == 200 for answer in answers), seconds


ALL = (hold, burst, streams, conversation, cross, inbox, get, pages, stop, storm)


def _run(scenario: Coroutine[Any, Any, Result], seconds: float) -> Result:
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
