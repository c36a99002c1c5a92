"""People and conversations to try things with."""

from dataclasses import dataclass

from chat import accounts, messages
from chat.billing import Meter
from chat.database import Connection, Database
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
    """The first demo session that goes on, with new tokens and a new password; None when there is none."""
    password_hash = accounts.hash_password(password)

    def renew_first(db: Connection) -> DemoSession | None:
        while row := sessions.first_active_of_domain(db, DOMAIN):
            people = {"client": row["client_id"], "agent": row["agent_id"]}
            arrive(db, rules, list(people.values()))
            if found(sessions.by_id(db, row["id"]))["status"] != "ended":
                break
        else:
            return None
        for user_id in people.values():
            users.set_password_hash(db, user_id, password_hash)
        return DemoSession(
            row["id"],
            {side: accounts.insert_token(db, user_id, days) for side, user_id in people.items()},
            {"client": row["client_email"], "agent": row["agent_email"]},
        )

    return database.write(renew_first)


def _create_one(db: Connection, number: int, password_hash: str, days: int, rules: Settings) -> DemoSession:
    people, emails, now = {}, {}, server.now(db)
    unused = users.count(db) + 1
    for role, names, rates in (("client", CLIENTS, (0,)), ("agent", AGENTS, RATES_CENTS)):
        emails[role] = f"{role}{unused}@{DOMAIN}"
        name, rate = names[number % len(names)], rates[number % len(rates)]
        people[role] = users.insert(db, role, name, emails[role], password_hash, rate, now)
    users.set_available(db, people["agent"], True)
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
    tokens = {role: accounts.insert_token(db, user_id, days) for role, user_id in people.items()}
    return DemoSession(chat_session_id, tokens, emails)
