"""Whose the price of a session is: each increment is the agent's that it began with.

Of it the agent has the share that they had when their clock started; the rest is the operator's.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from chat import billing, store
from chat.database.connection import Connection
from chat.store.rows import ShareRow

# By name: `sessions`, billed `minutes`, the `cents` that they cost, and the agent's `share` of these, both
# less what was given back: that is `credited`, and the agent's share of it `credits`.
Tally = Counter[str]


class Share(NamedTuple):
    """What an agent has of the sessions that ended in a quarter of an hour."""

    agent_id: int
    quarter: int
    tally: Tally


def of_ended(
    db: Connection,
    since: int,
    until: int,
    currency: str,
    agent_id: int | None = None,
    client_id: int | None = None,
) -> Iterator[Share]:
    """What each agent (or one, and whom they shared with) has of the sessions in this currency that ended
    (or of a client's of them), less what was given back of them."""
    which = (since, until, currency, agent_id, client_id)
    for agent, quarter, *counts in store.statistics.earned(db, *which):
        tally = Tally(dict(zip(("sessions", "minutes", "cents", "share"), counts, strict=True)))
        yield Share(agent, quarter, tally)
    for agent, quarter, cents, share in store.statistics.credited(db, *which):
        yield Share(agent, quarter, Tally(cents=-cents, share=-share, credited=cents, credits=share))
    intervals = store.statistics.transferred(db, *which)
    for _, of_session in groupby(intervals, key=itemgetter("id")):
        yield from _divided(list(of_session))


def of_agent(db: Connection, since: int, until: int, currency: str, agent_id: int) -> Iterator[Share]:
    """The same, of nobody else."""
    shares = of_ended(db, since, until, currency, agent_id)
    return (share for share in shares if share.agent_id == agent_id)


def part(cents: int, percent: int) -> int:
    """So many per cent, rounded half up: once for each session and agent."""
    return (cents * percent + 50) // 100


def _divided(intervals: Sequence[ShareRow]) -> Iterator[Share]:
    """The shares of one transferred session."""
    session = intervals[0]
    parts = [(each["ms"], each["rate_cents"], each["agent_id"]) for each in intervals]
    percents = {each["agent_id"]: each["share_percent"] for each in intervals}
    charged = billing.charges(parts, session["free_seconds"], session)
    for agent_id in {session["last_agent_id"], *(each.label for each in charged)}:
        own = [each for each in charged if each.label == agent_id]
        minutes = billing.begun_minutes(sum(each.increments * each.seconds for each in own))
        cents = billing.total(own)
        share = part(cents, percents.get(agent_id, 0))
        tally = Tally(sessions=1, minutes=minutes, cents=cents, share=share)
        yield Share(agent_id, session["quarter"], tally)
