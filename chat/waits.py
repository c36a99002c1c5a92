"""How long requests waited for an agent, and when an agent takes them: what was measured, or nothing."""

from datetime import UTC, datetime, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from chat import store
from chat.accounts import DAY_MS
from chat.database.connection import Connection
from chat.settings import Settings
from chat.wire import ExpectedWait

DAYS = 28
# Of so many requests at most, and not of fewer than so many.
MOST_REQUESTS = 20
LEAST_REQUESTS = 5
# An hour is usual that had a request accepted on so many days.
LEAST_DAYS = 3


def expected(db: Connection, agent_id: int | None) -> ExpectedWait | None:
    """By the last accepted requests to this agent, or to any; None when there are too few."""
    since = store.server.now(db) - DAYS * DAY_MS
    waited = sorted(store.sessions.waits(db, agent_id, since, MOST_REQUESTS))
    if len(waited) < LEAST_REQUESTS:
        return None
    half, most = (ceil(waited[ceil(part * len(waited)) - 1] / 1000) for part in (0.5, 0.9))
    return {"requests": len(waited), "half_within_seconds": half, "most_within_seconds": most}


def usual_hours(db: Connection, settings: Settings, agent_id: int) -> list[tuple[int, int]]:
    """From when until when today the agent usually takes requests, in milliseconds; empty if nobody knows."""
    zone, now = ZoneInfo(settings.time_zone), store.server.now(db)
    accepted = [
        datetime.fromtimestamp(at / 1000, zone)
        for at in store.sessions.accepted(db, agent_id, now - DAYS * DAY_MS)
    ]
    days = {(each.date(), each.hour) for each in accepted}
    hours = [hour for hour in range(24) if sum(each == hour for _, each in days) >= LEAST_DAYS]
    starts = [hour for hour in hours if hour - 1 not in hours]
    ends = [hour + 1 for hour in hours if hour + 1 not in hours]
    midnight = datetime.fromtimestamp(now / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)

    def instant(hour: int) -> int:
        """On the wall: a day may have 23 hours."""
        at = (midnight.replace(tzinfo=None) + timedelta(hours=hour)).replace(tzinfo=zone)
        return int(at.astimezone(UTC).timestamp() * 1000)

    return [(instant(start), instant(end)) for start, end in zip(starts, ends, strict=True)]
