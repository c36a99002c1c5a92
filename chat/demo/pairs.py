"""People and conversations to try things with."""

from collections.abc import Mapping
from dataclasses import dataclass

from chat import accounts, audit, messages, store
from chat.billing import terms
from chat.changes import arrive, save
from chat.database.connection import Connection
from chat.errors import existing
from chat.runtime import Runtime
from chat.sessions import life_of
from chat.settings import Settings
from chat.store.demo import DemoRow
from chat.store.rows import Side

# .example can belong to nobody (RFC 2606).
DOMAIN = "demo.example"
CLIENTS = ("Camille Moreau", "James Carter", "Inès Lefèvre", "Olivia Brown", "Hugo Petit")
AGENTS = ("Dr Anaïs Laurent", "Daniel Hughes", "Me Thomas Girard", "Sophie Martin", "Emma Clarke")
TOP_UP_CENTS = 5_000
RATES_CENTS = (250, 180, 300, 120, 220)
OPENING: tuple[tuple[Side, str], ...] = (
    ("client", "Bonjour, j'ai une question sur mon contrat."),
    ("agent", "Bonjour ! Je vous écoute."),
)


@dataclass(frozen=True)
class DemoSession:
    """One active chat session, and a token for each side."""

    id: int
    tokens: dict[str, str]
    emails: dict[str, str]


def create(runtime: Runtime, count: int, password_hash: str) -> list[DemoSession]:
    """`count` active sessions, each with a client and an agent of its own who share the password."""

    def create_all(db: Connection) -> list[DemoSession]:
        audit.note(db, None, "demo_made", detail=str(count))
        return [_create_one(db, runtime.settings, number, password_hash) for number in range(count)]

    return runtime.database.write(create_all)


def renew(runtime: Runtime, password_hash: str) -> DemoSession | None:
    """The first demo session that goes on, or else another of the same people; None when there was none.

    It has new tokens, and everybody of the demo has the password of the hash.
    """
    settings = runtime.settings

    def renew_first(db: Connection) -> DemoSession | None:
        row = _first_open(db, settings) or store.demo.first_session(db, DOMAIN, is_open=False)
        if row is None:
            return None
        store.demo.set_password_hash(db, DOMAIN, password_hash)
        audit.note(db, None, "demo_made", detail="1")
        people = {"client": row["client_id"], "agent": row["agent_id"]}
        if row["status"] == "ended":
            arrive(db, settings, list(people.values()))
        return DemoSession(
            _open(db, settings, people) if row["status"] == "ended" else row["id"],
            _tokens(db, settings, people),
            {"client": row["client_email"], "agent": row["agent_email"]},
        )

    return runtime.database.write(renew_first)


def _first_open(db: Connection, settings: Settings) -> DemoRow | None:
    """Whose people are there now, and that did not end because they were away for too long."""
    while row := store.demo.first_session(db, DOMAIN, is_open=True):
        arrive(db, settings, [row["client_id"], row["agent_id"]])
        if existing(store.sessions.by_id(db, row["id"]))["status"] != "ended":
            return row
    return None


def _create_one(db: Connection, settings: Settings, number: int, password_hash: str) -> DemoSession:
    people, emails, now = {}, {}, store.server.now(db)
    unused = store.users.count(db) + 1
    for role, names, rates in (("client", CLIENTS, (0,)), ("agent", AGENTS, RATES_CENTS)):
        emails[role] = f"{role}{unused}@{DOMAIN}"
        name, rate = names[number % len(names)], rates[number % len(rates)]
        people[role] = store.users.insert(db, role, name, emails[role], password_hash, rate, now)
    store.users.set_available(db, people["agent"], True)
    if settings.prepaid:
        store.ledger.append(db, people["client"], "top_up", TOP_UP_CENTS, None, "Bank transfer", now)
    return DemoSession(_open(db, settings, people), _tokens(db, settings, people), emails)


def _open(db: Connection, settings: Settings, people: Mapping[str, int]) -> int:
    """The id of a new active session; both are there, and have said their opening."""
    now = store.server.now(db)
    store.users.see(db, list(people.values()), now)
    head, agent = store.revision.advance(db), existing(store.users.by_id(db, people["agent"]))
    chat_session_id = store.sessions.insert(
        db, people["client"], agent["id"], agent["rate_cents"], None, now, now, head, terms(settings)
    )
    life = life_of(db, existing(store.sessions.by_id(db, chat_session_id)), settings)
    life.accept(agent, 0, now)
    for side, text in OPENING:
        head = store.revision.advance(db)
        messages.insert(db, life, side, text, None, now, head)
    save(db, life, head)
    return chat_session_id


def _tokens(db: Connection, settings: Settings, people: Mapping[str, int]) -> dict[str, str]:
    days = settings.token_days
    return {role: accounts.insert_token(db, user_id, days) for role, user_id in people.items()}
