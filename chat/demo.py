"""People and conversations to try things with."""

from collections.abc import Mapping
from dataclasses import dataclass

from chat import accounts, messages
from chat.billing import Meter
from chat.database import Connection, Database, Row
from chat.sessions import arrive, found, save
from chat.settings import Settings
from chat.store import revision, server, sessions, users

# .example can belong to nobody (RFC 2606).
DOMAIN = "demo.example"
CLIENTS = ("Camille Moreau", "James Carter", "Inès Lefèvre", "Olivia Brown", "Hugo Petit")
AGENTS = ("Dr Anaïs Laurent", "Daniel Hughes", "Me Thomas Girard", "Sophie Martin", "Emma Clarke")
RATES_CENTS = (250, 180, 300, 120, 220)
OPENING = (
    ("client", "Bonjour, j'ai une question sur mon contrat."),
    ("agent", "Bonjour ! Je vous écoute."),
)


@dataclass(frozen=True)
class DemoSession:
    """One active chat session, and a token for each side."""

    id: int
    tokens: dict[str, str]
    emails: dict[str, str]


def create(database: Database, count: int, password: str, days: int, rules: Settings) -> list[DemoSession]:
    """`count` active sessions, each with a client and an agent of its own who share the password."""
    password_hash = accounts.hash_password(password)
    return database.write(
        lambda db: [_create_one(db, number, password_hash, days, rules) for number in range(count)]
    )


def renew(database: Database, password: str, days: int, rules: Settings) -> DemoSession | None:
    """The first demo session that goes on, or else another of the same people; None when there was none.

    It has new tokens, and everybody of the demo has the new password.
    """
    password_hash = accounts.hash_password(password)

    def renew_first(db: Connection) -> DemoSession | None:
        row = _first_open(db, rules) or sessions.first_of_domain(db, DOMAIN, is_open=False)
        if row is None:
            return None
        users.set_password_hash_of_domain(db, DOMAIN, password_hash)
        people = {"client": row["client_id"], "agent": row["agent_id"]}
        if row["status"] == "ended":
            arrive(db, rules, list(people.values()))
        return DemoSession(
            _open(db, people, rules) if row["status"] == "ended" else row["id"],
            {side: accounts.insert_token(db, user_id, days) for side, user_id in people.items()},
            {"client": row["client_email"], "agent": row["agent_email"]},
        )

    return database.write(renew_first)


def _first_open(db: Connection, rules: Settings) -> Row | None:
    """Whose people are there now, and that did not end because they were away for too long."""
    while row := sessions.first_of_domain(db, DOMAIN, is_open=True):
        arrive(db, rules, [row["client_id"], row["agent_id"]])
        if found(sessions.by_id(db, row["id"]))["status"] != "ended":
            return row
    return None


def _create_one(db: Connection, number: int, password_hash: str, days: int, rules: Settings) -> DemoSession:
    people, emails, now = {}, {}, server.now(db)
    unused = users.count(db) + 1
    for role, names, rates in (("client", CLIENTS, (0,)), ("agent", AGENTS, RATES_CENTS)):
        emails[role] = f"{role}{unused}@{DOMAIN}"
        name, rate = names[number % len(names)], rates[number % len(rates)]
        people[role] = users.insert(db, role, name, emails[role], password_hash, rate, now)
    users.set_available(db, people["agent"], True)
    chat_session_id = _open(db, people, rules)
    tokens = {role: accounts.insert_token(db, user_id, days) for role, user_id in people.items()}
    return DemoSession(chat_session_id, tokens, emails)


def _open(db: Connection, people: Mapping[str, int], rules: Settings) -> int:
    """The id of a new active session; both are there, and have said their opening."""
    now = server.now(db)
    users.see(db, list(people.values()), now)
    head = revision.advance(db)
    chat_session_id = sessions.insert(db, people["client"], people["agent"], 0, None, now, now, head)
    meter = Meter(found(sessions.by_id(db, chat_session_id)), rules)
    meter.accept(found(users.by_id(db, people["agent"])), 0, now)
    for side, text in OPENING:
        head = revision.advance(db)
        message_id = messages.insert(db, chat_session_id, people[side], side, text, None, now, head)
        meter.hear(side, message_id, now)
    save(db, meter, head)
    return chat_session_id
