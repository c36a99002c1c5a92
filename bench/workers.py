"""More than one process on one database: what a second one adds, and what crosses from one to the other."""

from argparse import Namespace
from pathlib import Path

from bench import measures
from bench.client import Pool
from bench.meter import Figures, Meter, sends_ratios, side_by_side
from bench.readers import SIDES, Reader, Record, polling
from bench.senders import finish, send_steadily, warm_up
from bench.server import BOTH_CORES, Server, Session, fresh_database


def workers(options: Namespace) -> Figures:
    """`burst` with one worker and with two, on the two cores that the load client shares; then `cross`."""
    found = {str(count): _burst(options, count) for count in (1, 2)}
    return side_by_side(found) | sends_ratios(found["1"], found["2"], "2/1") | cross(options)


def _burst(options: Namespace, count: int) -> Figures:
    settings = {"CHAT_WORKERS": str(count)}
    with (
        fresh_database(options.sessions) as (database, sessions),
        Server(database, options.worker_class, 2 * len(sessions), settings, BOTH_CORES) as server,
    ):
        return measures.run(measures.burst(options, server, sessions), options.seconds)


def cross(options: Namespace) -> Figures:
    """Polls held by two gunicorns on the same database, sends to one of them: delivery by each."""
    with fresh_database(options.polls // 2) as (database, sessions):
        return cross_between(options, database, sessions)


def cross_between(options: Namespace, database: Path | str, sessions: list[Session]) -> Figures:
    """The same of a database that there is."""
    worker_class, settings = options.worker_class, {"CHAT_DOORBELL": options.doorbell}
    with (
        Server(database, worker_class, options.polls, settings, BOTH_CORES) as same,
        Server(database, worker_class, options.polls, settings, BOTH_CORES) as another,
    ):
        return measures.run(_cross(options, same, another, sessions), options.seconds)


async def _cross(options: Namespace, same: Server, another: Server, sessions: list[Session]) -> Figures:
    """The clients' polls are held by the one that is sent to, the agents' by the other."""
    records = {same.port: Record(), another.port: Record()}
    ours, theirs = records.values()
    theirs.sent_at, theirs.errors = ours.sent_at, ours.errors
    ports = dict(zip(SIDES, records, strict=True))

    def make(port: int, session: Session, side: str, record: Record) -> Reader:
        return Reader(ports[side], session, side, records[ports[side]])

    pool = Pool(same.port)
    for port in records:
        await warm_up(port, sessions[0])
    async with polling(same.port, sessions, ours, make) as readers:
        meter = Meter(another, lambda: {"sends": ours.sends})
        sends = await send_steadily(pool, ours, readers, options.rate, options.seconds)
        rates = meter.stop()
        await finish(sends, ours)
    pool.close()
    ours.refused += theirs.refused
    found = {"same": ours.delivery(), "another": theirs.delivery()}
    here, there = (each["delivery p50 ms"] for each in found.values())
    ratio = {"delivery p50: another/same": there / here}
    return {"polls held": len(readers), **rates, **side_by_side(found), **ratio, **ours.mistakes(readers)}
