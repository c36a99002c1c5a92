"""The database on a server."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chat.doctor.contents import CLOCK_MS
from chat.doctor.finding import Finding
from chat.settings import Settings

if TYPE_CHECKING:
    from chat.database.postgresql.probe import Facts

AWAY = (
    "Does it run, does CHAT_DATABASE_URL have its name, port, database, role and password (@ is %40 there), "
    "and do pg_hba.conf and listen_addresses let this machine in?"
)
# What PostgreSQL may lose or break in a crash where it is off.
LOSES = ("fsync", "full_page_writes")


def around(found: Settings) -> Iterator[Finding]:
    """How it is set, and what is left of it; raises DatabaseUnavailable."""
    # Not without need: what speaks to it may not be installed.
    from chat.database.postgresql import database, probe, schema

    facts = probe.look(found.database_url)
    yield _version(facts, schema.LEAST_VERSION)
    yield _encoding(facts)
    yield _durability(facts)
    yield _commit(facts)
    # In a reload the old processes are there as long as the new ones.
    yield _connections(facts, 2 * found.workers * database.CONNECTIONS)
    yield _notify(facts)
    yield _clock(facts)


def _version(facts: "Facts", least: int) -> Finding:
    version = facts.version // 10_000
    if version < least:
        return Finding("postgresql", "wrong", str(version), f"{least} or newer is needed: upgrade it.")
    return Finding("postgresql", "ok", f"{version}.{facts.version % 10_000}")


def _encoding(facts: "Facts") -> Finding:
    if facts.encoding != "UTF8":
        advice = "Make another with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        return Finding("encoding", "wrong", f"{facts.encoding} lacks characters that people write", advice)
    return Finding("encoding", "ok", facts.encoding)


def _durability(facts: "Facts") -> Finding:
    if off := [name for name in LOSES if facts.settings[name] != "on"]:
        advice = f"ALTER SYSTEM SET {off[0]} = on, and reload it: a power cut may take the whole database."
        return Finding("durability", "wrong", f"{' and '.join(off)} off", advice)
    return Finding("durability", "ok", f"{' and '.join(LOSES)} on")


def _commit(facts: "Facts") -> Finding:
    found, standbys = facts.settings["synchronous_commit"], facts.settings["synchronous_standby_names"]
    if found == "off":
        return Finding("commit", "ok", "synchronous_commit is off there, and on for what we write")
    if standbys and found == "local":
        advice = "What was acknowledged may be lost with this server: set synchronous_commit = on."
        return Finding("commit", "warning", "waits for no standby: synchronous_commit is local", advice)
    return Finding("commit", "ok", f"synchronous_commit is {found}, standbys: {standbys or 'none'}")


def _connections(facts: "Facts", wanted: int) -> Finding:
    missing = wanted - facts.ours - facts.free
    text = f"{facts.free} are free, {facts.ours} are this host's; in a reload it takes {wanted}"
    if missing > 0:
        advice = f"Raise max_connections by {missing} or more; docs/scaling.md counts for all hosts."
        return Finding("connections", "warning", text, advice)
    return Finding("connections", "ok", text)


def _notify(facts: "Facts") -> Finding:
    if not facts.is_heard:
        advice = (
            "Connect to PostgreSQL itself: a pooler in transaction mode breaks more than this "
            "(docs/scaling.md)."
        )
        return Finding("notify", "warning", "a NOTIFY did not arrive within a second", advice)
    return Finding("notify", "ok", "arrives")


def _clock(facts: "Facts") -> Finding:
    away = abs(facts.ahead_ms)
    text = f"{away / 1000:.1f} s from this machine's"
    if away > CLOCK_MS:
        advice = (
            "Bills go by the database's. Logs and certificates do not: have both set (systemd-timesyncd)."
        )
        return Finding("database's clock", "warning", text, advice)
    return Finding("database's clock", "ok", text)
