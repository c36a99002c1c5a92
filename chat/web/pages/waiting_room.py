"""What a client's page shows of a request that waits, or that nobody took."""

from typing import Any

from chat import agents, messages, store, transitions, waits
from chat.accounts import User
from chat.database.connection import Connection
from chat.runtime import Runtime
from chat.web.page import INBOX_SIZE
from chat.wire import Agent, TimedSession

# Agents who can be asked with a tap; the page of agents has all.
AT_HAND = 6


def room(runtime: Runtime, client: User, session: TimedSession) -> dict[str, Any]:
    """Nothing once somebody has accepted it."""
    if session["accepted_at"]:
        return {}
    return (
        {"free": _free(runtime, client, session)}
        if session["status"] == "waiting"
        else _again(runtime, client, session)
    )


def _free(runtime: Runtime, client: User, session: TimedSession) -> int:
    """How many seconds would not be billed; with any agent, if they are a new one."""
    agent, settings = session["agent"], runtime.settings
    if agent is None:
        return settings.free_seconds
    return runtime.database.read(lambda db: transitions.free_seconds(db, settings, client.id, agent["id"]))


def _again(runtime: Runtime, client: User, session: TimedSession) -> dict[str, Any]:
    """Who can be asked the same, and at which price."""
    cards, _ = agents.listed(runtime, 0, INBOX_SIZE, client.id)
    mine = session["agent"]["id"] if session["agent"] else 0
    same = next((each for each in cards if each["id"] == mine), None)
    there = sorted((each for each in cards if may_be_asked(each)), key=lambda each: each["status"] == "busy")
    rates = sorted(each["rate_per_minute"] for each in there)

    def read(db: Connection) -> dict[str, Any]:
        # Only a request to any agent is answered later; "" is nowhere, None that there is no mail.
        person = store.users.by_id(db, client.id) if runtime.settings.has_mail and not mine else None
        if person and person["widget_id"]:
            person = None
        return {
            "mailed_to": person and (person["email"] if person["is_mailed"] else ""),
            "words_before": messages.of_request(db, client, session["id"]),
            "hours": waits.usual_hours(db, runtime.settings, mine) if mine else [],
        }

    return {
        **runtime.database.read(read),
        "same": same,
        "others": [each for each in there if each["id"] != mine][:AT_HAND],
        # What was agreed to before; or what somebody takes who is there, if nobody takes that.
        "most": max([session["max_rate"], *rates[:1]]),
        "is_anybody_there": bool(there),
    }


def may_be_asked(agent: Agent) -> bool:
    """By this client, now."""
    return agent["is_for_you"] and agent["status"] in ("available", "busy")
