"""What makes the demo look lived in: people, a month of conversations, and what goes on right now.

chat/demo/cast.toml has who they are and what they say. Nothing of it is random but for a seed and the time.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from chat import hours, messages, profiles, store
from chat.accounts import DAY_MS
from chat.billing import terms
from chat.changes import arrive, save
from chat.database.connection import Connection
from chat.demo.pairs import DOMAIN, TOP_UP_CENTS, DemoSession
from chat.errors import existing
from chat.lifecycle import Lifecycle
from chat.profiles import Changes
from chat.runtime import Runtime
from chat.sessions import life_of
from chat.settings import Settings
from chat.store.rows import EndReason, Side, UserRow
from chat.store.statistics import QUARTER_MS
from chat.transitions import ENDED_BY, free_seconds

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
REFUSALS: tuple[EndReason, ...] = ("expired", "cancelled", "declined", "expired") * 3
# What clients name for any agent.
MAX_RATE_CENTS = 400


@dataclass(frozen=True)
class _Stage:
    """Where it is replayed, under which settings; and who plays the first ones."""

    db: Connection
    settings: Settings
    first: DemoSession

    def who(self, role: str, key: str) -> UserRow:
        """The row of somebody in the cast; `first` is the one whom the first session is with."""
        return existing(store.users.by_email(self.db, self.email(role, key)))

    def email(self, role: str, key: str) -> str:
        """Theirs, whether they exist yet or not."""
        return self.first.emails[role] if key == "first" else f"{key}@{DOMAIN}"


def furnish(runtime: Runtime, first: DemoSession, password_hash: str) -> None:
    """Make the people and their month, once, and what goes on around the first session's agent.

    The password of the hash is the administrator's from now on.
    """
    settings = runtime.settings

    def work(db: Connection) -> None:
        stage = _Stage(db, settings, first)
        admin = store.users.by_email(db, ADMIN)
        if admin is None:
            _insert_people(stage, password_hash)
            # What was paid in the past was not paid from a balance.
            _replay_month(replace(stage, settings=replace(settings, prepaid=False)))
            _keep_notes(stage)
            _attend(stage)
        else:
            store.users.set_password_hash(db, admin["id"], password_hash)
        _liven(stage)

    runtime.database.write(work)


@cache
def _cast() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("cast.toml").read_text(encoding="utf-8"))


def _insert_people(stage: _Stage, password_hash: str) -> None:
    cast, db = _cast(), stage.db
    joined_at = store.server.now(db) - (DAYS + 1) * DAY_MS
    admin_id = store.users.insert(db, "admin", cast["admin"]["name"], ADMIN, password_hash, 0, joined_at)
    store.users.update(db, admin_id, language=cast["admin"]["language"])
    for role in ("agent", "client"):
        for number, (key, person) in enumerate(cast[f"{role}s"].items()):
            user_id = _insert_person(stage, role, key, password_hash, joined_at - number * DAY_MS)
            for shortcut, message in person.get("replies", ()):
                store.replies.save(db, user_id, shortcut, message)
            if role == "agent":
                profiles.save(db, user_id, _page(person))
            if role == "client" and key != "first" and stage.settings.prepaid:
                store.ledger.append(db, user_id, "top_up", TOP_UP_CENTS, admin_id, "Bank transfer", joined_at)


def _insert_person(stage: _Stage, role: str, key: str, password_hash: str, joined_at: int) -> int:
    """Their id; of the first ones, who exist already, what lacks is added."""
    person, email = _cast()[f"{role}s"][key], stage.email(role, key)
    if key == "first":
        user_id: int = stage.who(role, key)["id"]
    else:
        rate = person.get("rate_cents", 0)
        user_id = store.users.insert(stage.db, role, person["name"], email, password_hash, rate, joined_at)
    store.users.update(
        stage.db,
        user_id,
        created_at=joined_at,
        language=person.get("language"),
        headline=person.get("headline", ""),
        is_available=int(person.get("is_available", False)),
    )
    return user_id


def _page(agent: dict[str, Any]) -> dict[str, str]:
    """What they say on it; `hours` are by day, from Monday on."""
    week = {day: [spans] for day, spans in zip(hours.DAYS, agent["hours"], strict=False)}
    said = Changes(agent["languages"], agent["time_zone"], week, holidays=agent.get("holidays"))
    return said.columns()


def _replay_month(stage: _Stage) -> None:
    rng = Random(SEED)
    plan = _plan(rng)
    for at, (replay, client, part) in zip(
        _starts(store.server.now(stage.db), len(plan), rng), plan, strict=True
    ):
        replay(stage, client, part, at, rng)


def _keep_notes(stage: _Stage) -> None:
    now = store.server.now(stage.db)
    for note in _cast()["notes"]:
        client, author = stage.who("client", note["client"]), stage.who(note["by"], note["author"])
        at = now - note["days"] * DAY_MS
        store.notes.insert(stage.db, client["id"], author["id"], note["text"], at)


def _attend(stage: _Stage) -> None:
    """Agents come and go as requests do."""
    now, agents = store.server.now(stage.db) // QUARTER_MS, len(_cast()["agents"])
    quarters = range(now - DAYS * DAY_MS // QUARTER_MS, now)
    there = {each: round(agents * _weight(each * QUARTER_MS) / max(HOURS)) for each in quarters}
    store.demo.attend(stage.db, there)


def _plan(rng: Random) -> list[tuple[Callable[[_Stage, str, Any, int, Random], None], str, Any]]:
    """(how to replay it, which client, which talk or how their request ends), in order."""
    clients, plan = list(_cast()["clients"]), list[Any]()
    for talk in _cast()["talks"]:
        speakers = [key for key in clients if _language(key) == talk["language"]]
        chosen = rng.sample(speakers, talk.get("times", len(speakers)))
        plan += [(_replay_talk, key, talk) for key in chosen]
    plan += [(_replay_refusal, rng.choice(clients), reason) for reason in REFUSALS]
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


def _replay_refusal(stage: _Stage, client: str, reason: EndReason, at: int, rng: Random) -> None:
    """A request that nobody accepts."""
    language = _language(client)
    agents = [key for key, agent in _cast()["agents"].items() if agent["language"] == language]
    life = _request(stage, client, rng.choice(agents), rng.choice(_cast()["requests"][language]), at)
    seconds = stage.settings.request_seconds if reason == "expired" else rng.randint(15, 90)
    life.end(reason, at + seconds * 1000)
    _store_read(stage, life)


def _replay_talk(stage: _Stage, client: str, talk: dict[str, Any], at: int, rng: Random) -> None:
    """A session from the request to its rating."""
    (_, opening), *steps = talk["steps"]
    life = _request(stage, client, None if rng.random() < 0.3 else talk["agent"], opening, at)
    at += rng.randint(5, 100) * 1000
    _act(stage, life, "accept", talk["agent"], at)
    for kind, value in steps:
        at = _act(stage, life, kind, value, at + _hesitation_ms(value, rng))
    at += rng.randint(10, 40) * 1000
    life.end(rng.choices(tuple(ENDED_BY.values()), (3, 1))[0], at)
    if rng.random() < 0.7:
        stars = rng.choices((3, 4, 5), (1, 3, 11))[0]
        comment = rng.choice(_cast()["comments"][talk["language"]][str(stars)])
        life.session |= {"rating": stars, "rating_comment": comment if rng.random() < 0.85 else None}
        # Two in three want others to read it.
        is_public = life.session["id"] % 3 > 0
        store.reviews.put(stage.db, life.session["id"], existing(life.session["agent_id"]), is_public)
    _store_read(stage, life)
    store.users.see(stage.db, [life.session["client_id"], existing(life.session["agent_id"])], at)


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
    if any(store.sessions.open_request(db, client_id, agent["id"]) for client_id in clients):
        return
    arrive(db, stage.settings, [agent["id"], *clients])
    now = store.server.now(db)
    for scene in scenes:
        (ago, _, opening), *steps = scene["steps"]
        to = None if scene.get("is_for_any") else "first"
        life = _request(stage, scene["client"], to, opening, now - ago * 1000)
        for ago, kind, value in steps:
            _act(stage, life, kind, value or "first", now - ago * 1000)
        save(db, life)


def _request(stage: _Stage, client: str, agent: str | None, text: str, at: int) -> Lifecycle:
    """A client asks for an agent, or (None) for any."""
    to = stage.who("agent", agent) if agent else None
    chat_session_id = store.sessions.insert(
        stage.db,
        stage.who("client", client)["id"],
        to["id"] if to else None,
        to["rate_cents"] if to else MAX_RATE_CENTS,
        None,
        at + stage.settings.request_seconds * 1000,
        at,
        store.revision.advance(stage.db),
        terms(stage.settings),
    )
    life = life_of(stage.db, existing(store.sessions.by_id(stage.db, chat_session_id)), stage.settings)
    _say(stage, life, "client", text, at)
    return life


def _act(stage: _Stage, life: Lifecycle, kind: Any, value: Any, at: int) -> int:
    """The next step; returns when it is over."""
    if kind == "accept":
        agent = stage.who("agent", value)
        free = free_seconds(stage.db, stage.settings, life.session["client_id"], agent["id"])
        life.accept(agent, free, at)
        life.session["agent_read_id"] = life.session["last_message_id"]
    elif kind == "transfer":
        other = stage.who("agent", value)
        life.session["max_rate_cents"] = max(other["rate_cents"], life.session["max_rate_cents"])
        life.transfer(other, at)
    elif kind == "pause":
        life.pause("paused_by_client", at)
        at += value * 1000
        life.session |= {"client_seen_at": at, "agent_seen_at": at}
        life.resume(at)
    else:
        _say(stage, life, kind, value, at)
    return at


def _say(stage: _Stage, life: Lifecycle, side: Side, text: str, at: int) -> None:
    """Who writes has read what was written before."""
    message_id = messages.insert(stage.db, life, side, text, None, at, store.revision.advance(stage.db))
    if side == "client":
        life.session |= {"client_read_id": message_id, "client_delivered_id": message_id}
    else:
        life.session |= {"agent_read_id": message_id, "agent_delivered_id": message_id}


def _store_read(stage: _Stage, life: Lifecycle) -> None:
    """Both have read all of it."""
    last_id = life.session["last_message_id"]
    life.session |= {"client_read_id": last_id, "client_delivered_id": last_id}
    life.session |= {"agent_read_id": last_id, "agent_delivered_id": last_id}
    save(stage.db, life)
