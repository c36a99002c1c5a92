"""What makes the demo look lived in: people, a month of conversations, and what goes on right now.

chat/demo.toml has who they are and what they say. Nothing of it is random but for a seed and the time.
"""

import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from chat import accounts
from chat.accounts import DAY_MS
from chat.billing import Meter
from chat.database import Connection, Database, Row
from chat.demo import DOMAIN, DemoSession
from chat.sessions import arrive, found, save
from chat.settings import Settings
from chat.store import ledger, messages, replies, revision, server, sessions, users

ADMIN = f"admin@{DOMAIN}"
SEED = 7
DAYS = 30
# No two conversations of the month overlap: each begins early in a slot of its own, and ends in it.
SLOT_MS = 1_800_000
SLOT_START_SECONDS = 300
# How likely a conversation is in each hour of a day, and on a day of the weekend.
HOURS = (*[0] * 7, 1, 3, 5, 6, 6, 3, 3, 5, 6, 6, 5, 4, 2, 2, 1, 0, 0)
WEEKEND = 0.2
# Requests that nobody accepted.
REFUSALS = ("expired", "cancelled", "declined", "expired") * 3
TOP_UP_CENTS = 5_000


@dataclass(frozen=True)
class _Stage:
    """Where it is replayed, under which rules; and who plays the first ones."""

    db: Connection
    rules: Settings
    first: DemoSession

    def who(self, role: str, key: str) -> Row:
        """Somebody's row."""
        return found(users.by_email(self.db, self.email(role, key)))

    def email(self, role: str, key: str) -> str:
        """Theirs, whether they exist yet or not."""
        return self.first.emails[role] if key == "first" else f"{key}@{DOMAIN}"


def furnish(database: Database, first: DemoSession, password: str, rules: Settings) -> None:
    """Make the people and their month, once, and what goes on around the first session's agent.

    The password is the administrator's from now on.
    """
    password_hash = accounts.hash_password(password)

    def work(db: Connection) -> None:
        stage = _Stage(db, rules, first)
        admin = users.by_email(db, ADMIN)
        if admin is None:
            _insert_people(stage, password_hash)
            # What was paid in the past was not paid from a balance.
            _replay_month(replace(stage, rules=replace(rules, prepaid=False)))
        else:
            users.set_password_hash(db, admin["id"], password_hash)
        _liven(stage)

    database.write(work)


@cache
def _cast() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("demo.toml").read_text(encoding="utf-8"))


def _insert_people(stage: _Stage, password_hash: str) -> None:
    cast, db = _cast(), stage.db
    joined_at = server.now(db) - (DAYS + 1) * DAY_MS
    admin_id = users.insert(db, "admin", cast["admin"]["name"], ADMIN, password_hash, 0, joined_at)
    users.update(db, admin_id, language=cast["admin"]["language"])
    for role in ("agent", "client"):
        for number, (key, person) in enumerate(cast[f"{role}s"].items()):
            user_id = _insert_person(stage, role, key, password_hash, joined_at - number * DAY_MS)
            for shortcut, message in person.get("replies", ()):
                replies.save(db, user_id, shortcut, message)
            if role == "client" and stage.rules.prepaid:
                ledger.append(db, user_id, "top_up", TOP_UP_CENTS, admin_id, "Bank transfer", joined_at)


def _insert_person(stage: _Stage, role: str, key: str, password_hash: str, joined_at: int) -> int:
    """Their id; of the first ones, who exist already, what lacks is added."""
    person, email = _cast()[f"{role}s"][key], stage.email(role, key)
    if key == "first":
        user_id: int = stage.who(role, key)["id"]
    else:
        rate = person.get("rate_cents", 0)
        user_id = users.insert(stage.db, role, person["name"], email, password_hash, rate, joined_at)
    users.update(
        stage.db,
        user_id,
        created_at=joined_at,
        language=person.get("language"),
        headline=person.get("headline", ""),
        is_available=int(person.get("is_available", False)),
    )
    return user_id


def _replay_month(stage: _Stage) -> None:
    rng = Random(SEED)
    plan = _plan(rng)
    for at, (client, part) in zip(_starts(server.now(stage.db), len(plan), rng), plan, strict=True):
        if isinstance(part, str):
            _replay_refusal(stage, client, part, at, rng)
        else:
            _replay_talk(stage, client, part, at, rng)


def _plan(rng: Random) -> list[tuple[str, Any]]:
    """Which client has which talk, or how their request ends, in order."""
    clients, plan = list(_cast()["clients"]), list[tuple[str, Any]]()
    for talk in _cast()["talks"]:
        speakers = [key for key in clients if _language(key) == talk["language"]]
        plan += [(key, talk) for key in rng.sample(speakers, talk.get("times", len(speakers)))]
    plan += [(rng.choice(clients), reason) for reason in REFUSALS]
    rng.shuffle(plan)
    return plan


def _starts(now: int, count: int, rng: Random) -> list[int]:
    """Instants in the last days, mostly in office hours; the last session has ended by now."""
    newest = (now // SLOT_MS - 1) * SLOT_MS
    slots = range(newest, now - DAYS * DAY_MS, -SLOT_MS)
    # Drawn with these weights, none twice: doi:10.1016/j.ipl.2005.11.003.
    drawn = sorted((rng.random() ** (1 / weight), at) for at in slots if (weight := _weight(at)))[-count:]
    return sorted(at + rng.randrange(SLOT_START_SECONDS) * 1000 for _, at in drawn)


def _weight(at: int) -> float:
    when = datetime.fromtimestamp(at / 1000, UTC)
    return HOURS[when.hour] * (WEEKEND if when.weekday() >= 5 else 1)


def _language(client: str) -> str:
    person = _cast()["clients"][client]
    return str(person.get("language") or person["speaks"])


def _replay_refusal(stage: _Stage, client: str, reason: str, at: int, rng: Random) -> None:
    """A request that nobody accepts."""
    language = _language(client)
    agents = [key for key, agent in _cast()["agents"].items() if agent["language"] == language]
    meter = _request(stage, client, rng.choice(agents), rng.choice(_cast()["requests"][language]), at)
    seconds = stage.rules.request_seconds if reason == "expired" else rng.randint(15, 90)
    meter.end(reason, at + seconds * 1000)
    _store_read(stage, meter)


def _replay_talk(stage: _Stage, client: str, talk: dict[str, Any], at: int, rng: Random) -> None:
    """A session from the request to its rating."""
    (_, opening), *steps = talk["steps"]
    meter = _request(stage, client, None if rng.random() < 0.3 else talk["agent"], opening, at)
    at += rng.randint(5, 100) * 1000
    _act(stage, meter, "accept", talk["agent"], at)
    for kind, value in steps:
        at = _act(stage, meter, kind, value, at + _hesitation_ms(value, rng))
    at += rng.randint(10, 40) * 1000
    meter.end(rng.choices(("ended_by_client", "ended_by_agent"), (3, 1))[0], at)
    if rng.random() < 0.7:
        stars = rng.choices((3, 4, 5), (1, 3, 11))[0]
        comment = rng.choice(_cast()["comments"][talk["language"]][str(stars)])
        meter.session |= {"rating": stars, "rating_comment": comment if rng.random() < 0.85 else None}
    _store_read(stage, meter)
    users.see(stage.db, [meter.session["client_id"], meter.session["agent_id"]], at)


def _hesitation_ms(value: str | int, rng: Random) -> int:
    """Reading what was said, and typing this."""
    return min(90_000, rng.randint(10_000, 25_000) + 250 * len(str(value)))


def _liven(stage: _Stage) -> None:
    """Requests to the first agent and sessions with them, if none go on and they are the furnished one."""
    agent, db = stage.who("agent", "first"), stage.db
    if not agent["headline"]:
        return
    scenes = _cast()["live"]
    clients = [stage.who("client", scene["client"])["id"] for scene in scenes]
    if any(sessions.open_request(db, client_id, agent["id"]) for client_id in clients):
        return
    arrive(db, stage.rules, [agent["id"], *clients])
    now = server.now(db)
    for scene in scenes:
        (ago, _, opening), *steps = scene["steps"]
        to = None if scene.get("is_for_any") else "first"
        meter = _request(stage, scene["client"], to, opening, now - ago * 1000)
        for ago, kind, value in steps:
            _act(stage, meter, kind, value or "first", now - ago * 1000)
        save(db, meter)


def _request(stage: _Stage, client: str, agent: str | None, text: str, at: int) -> Meter:
    """A client asks for an agent, or (None) for any."""
    to = stage.who("agent", agent) if agent else None
    chat_session_id = sessions.insert(
        stage.db,
        stage.who("client", client)["id"],
        to["id"] if to else None,
        to["rate_cents"] if to else 0,
        None,
        at + stage.rules.request_seconds * 1000,
        at,
        revision.advance(stage.db),
    )
    meter = Meter(found(sessions.by_id(stage.db, chat_session_id)), stage.rules)
    _say(stage, meter, "client", text, at)
    return meter


def _act(stage: _Stage, meter: Meter, kind: str, value: Any, at: int) -> int:
    """The next step; returns when it is over."""
    if kind == "accept":
        agent = stage.who("agent", value)
        meter.accept(agent, _free_seconds(stage, meter, agent["id"]), at)
        meter.session["agent_read_id"] = meter.session["last_message_id"]
    elif kind == "transfer":
        meter.transfer(stage.who("agent", value), at)
    elif kind == "pause":
        meter.pause("paused_by_client", at)
        at += value * 1000
        meter.session |= {"client_seen_at": at, "agent_seen_at": at}
        meter.resume(at)
    else:
        _say(stage, meter, kind, value, at)
    return at


def _free_seconds(stage: _Stage, meter: Meter, agent_id: int) -> int:
    free = stage.rules.free_seconds
    if free and sessions.had_free_seconds(stage.db, meter.session["client_id"], agent_id):
        return 0
    return free


def _say(stage: _Stage, meter: Meter, side: str, text: str, at: int) -> None:
    """Who writes has read what was written before."""
    session, head = meter.session, revision.advance(stage.db)
    message_id = messages.insert(stage.db, session["id"], session[f"{side}_id"], side, text, None, at, head)
    session |= {"last_message_id": message_id, "last_activity_at": at}
    session |= dict.fromkeys((f"{side}_read_id", f"{side}_delivered_id"), message_id)
    meter.hear(side, message_id, at)


def _store_read(stage: _Stage, meter: Meter) -> None:
    """Both have read all of it."""
    marks = [f"{side}_{mark}_id" for side in ("client", "agent") for mark in ("read", "delivered")]
    meter.session |= dict.fromkeys(marks, meter.session["last_message_id"])
    save(stage.db, meter)
