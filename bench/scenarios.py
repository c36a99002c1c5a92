"""The scenarios: each starts its own server and returns its figures by name."""

import asyncio
import json
from argparse import Namespace
from functools import partial
from time import perf_counter

from bench import measures
from bench.backup import backup
from bench.client import Connection
from bench.client import get as get_request
from bench.client import post as post_request
from bench.engines import engines
from bench.measures import run
from bench.meter import Figures, side_by_side
from bench.pages import pages
from bench.readers import SETTLE_SECONDS, SIDES, TRANSPORTS, Reader, Record
from bench.reload import reload, upgrade
from bench.search import search
from bench.server import Server, Session, fresh_database
from bench.sockets import sockets
from bench.storm import storm
from bench.workers import cross, workers
from bench.year import year

# After a poll has been written: by then the server holds it.
HELD_SECONDS = 0.05


def hold(options: Namespace) -> Figures:
    """Polls that wait, and a steady number of sends."""
    with (
        fresh_database(options.polls // 2) as (database, sessions),
        Server(database, options.worker_class, options.polls) as server,
    ):
        return run(measures.hold(options, server, sessions), options.idle + options.seconds)


def streams(options: Namespace) -> Figures:
    """`hold` and then `burst` with long polling, server-sent events and WebSockets in turn."""
    found: dict[str, Figures] = {}
    for name, transport in TRANSPORTS.items():
        with (
            fresh_database(options.polls // 2) as (database, sessions),
            Server(database, options.worker_class, options.polls) as server,
        ):
            make = partial(Reader, transport=transport)
            steady = measures.hold(options, server, sessions, make)
            found[name] = run(steady, options.idle + options.seconds)
        with (
            fresh_database(options.sessions) as (database, sessions),
            Server(database, options.worker_class, 2 * options.sessions) as server,
        ):
            full = run(measures.burst(options, server, sessions, make), options.seconds)
            found[name] |= {f"full: {figure}": value for figure, value in full.items()}
    ratio = found["ws"]["KB per held poll"] / found["sse"]["KB per held poll"]
    return {**side_by_side(found), "KB per held poll: ws/sse": ratio}


def inbox(options: Namespace) -> Figures:
    """An agent's inbox held by one gunicorn, requests for a session to another one."""
    worker_class = options.worker_class
    with (
        fresh_database(2) as (database, sessions),
        Server(database, worker_class, 2) as holding,
        Server(database, worker_class, 0) as sending,
    ):
        return run(_inbox(options, holding, sending, sessions), options.seconds)


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
        answer = await requests.request(post_request(path, client, asked))
        if answer.status != 201:
            record.errors[f"request: status {answer.status}"] += 1
        record.latencies.append((await held).arrived - written)
        session_id = json.loads(answer.body)["session"]["id"]
        await requests.request(post_request(f"{path}/{session_id}/cancel", client, b""))
    for connection in (inbox, requests):
        connection.close()
    return {"requests": len(record.latencies), **record.delivery(), **record.error_counts()}


def burst(options: Namespace) -> Figures:
    """Senders that never pause, beside polls that only wait."""
    with (
        fresh_database(options.sessions + options.polls // 2) as (database, sessions),
        Server(database, options.worker_class, 2 * len(sessions)) as server,
    ):
        return run(measures.burst(options, server, sessions), options.seconds)


def conversation(options: Namespace) -> Figures:
    """A session's next message is sent when both parties have the previous one."""
    with (
        fresh_database(options.sessions) as (database, sessions),
        Server(database, options.worker_class, 2 * len(sessions)) as server,
    ):
        return run(measures.conversation(options, server, sessions), options.seconds)


def get(options: Namespace) -> Figures:
    """Plain GETs of messages, with nothing new to tell."""
    with (
        fresh_database(options.connections) as (database, sessions),
        Server(database, options.worker_class, 0) as server,
    ):
        return run(measures.get(options, server, sessions), options.seconds)


def post(options: Namespace) -> Figures:
    """Plain POSTs of messages, which nobody waits for."""
    with (
        fresh_database(options.connections) as (database, sessions),
        Server(database, options.worker_class, 0) as server,
    ):
        return run(measures.post(options, server, sessions), options.seconds)


def stop(options: Namespace) -> Figures:
    """SIGTERM while polls are held, with both worker classes."""
    figures: Figures = {"polls held": options.polls}
    for worker_class in ("gevent", "gthread"):
        with (
            fresh_database(options.polls // 2) as (database, sessions),
            Server(database, worker_class, options.polls) as server,
        ):
            answered, seconds = run(_stop(server, sessions), 0)
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


ALL = (
    hold,
    burst,
    streams,
    sockets,
    conversation,
    workers,
    cross,
    engines,
    inbox,
    get,
    post,
    pages,
    stop,
    reload,
    upgrade,
    backup,
    year,
    storm,
    search,
)
