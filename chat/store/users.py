"""People."""

from collections.abc import Iterable, Sequence
from typing import cast

from chat import texts
from chat.database.connection import Connection
from chat.store import columns
from chat.store.blocks import blocked
from chat.store.rows import AgentRow, UserRow


def insert(
    db: Connection, role: str, name: str, email: str, password_hash: str, rate_cents: int, now: int
) -> int:
    """The new user's id; 0 when the email is taken."""
    row = db.conn.execute(
        """
        INSERT INTO users (role, name, email, password_hash, rate_cents, created_at)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (email) DO NOTHING RETURNING id
        """,
        (role, name, email, password_hash, rate_cents, now),
    ).fetchone()
    return row[0] if row else 0


def by_email(db: Connection, email: str) -> UserRow | None:
    """Whoever has this email."""
    row: UserRow | None = db.conn.execute("SELECT * FROM users WHERE email = ?", (email,)).fetchone()
    return row


def by_id(db: Connection, user_id: int) -> UserRow | None:
    """Whoever has this id."""
    row = db.conn.execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    return None if row is None else cast(UserRow, dict(row))


def see(db: Connection, user_ids: Sequence[int], now: int, gone_before: int = 0) -> None:
    """They were seen at `now`; who was last seen before the other instant, or then, has come back.

    Of whoever was erased a moment ago nothing is kept.
    """
    marks = ", ".join("?" * len(user_ids))
    db.conn.execute(
        f"""
        UPDATE users SET seen_at = ?, here_since = iif(seen_at <= ?, ?, here_since)
        WHERE id IN ({marks}) AND seen_at < ? AND erased_at IS NULL
        """,
        (now, gone_before, now, *user_ids, now),
    )


def agents(
    db: Connection,
    after_id: int,
    limit: int,
    only_id: int | None = None,
    client_id: int | None = None,
    language: str | None = None,
    most_cents: int | None = None,
) -> list[AgentRow]:
    """Agents with higher ids (all of them with a limit of -1), each with the number of their active sessions,
    their ratings and what they say of themselves; and whether the client may ask them.

    With a language those who speak it, and with a maximum those whose minute costs no more.
    """
    return db.conn.execute(
        f"""
        SELECT id, name, headline, rate_cents, is_available, seen_at, languages, time_zone, hours,
            special_days, holidays, (SELECT hash FROM portraits WHERE user_id = users.id) AS portrait,
            NOT {blocked("?3", "users.id")} AS is_for_client,
            (SELECT count(*) FROM chat_sessions s
                WHERE s.agent_id = users.id AND status <> 'ended' AND status <> 'waiting') AS open_sessions,
            (SELECT count(*) FROM chat_sessions s
                WHERE s.agent_id = users.id AND rating IS NOT NULL) AS ratings,
            (SELECT avg(rating) FROM chat_sessions s
                WHERE s.agent_id = users.id AND rating IS NOT NULL) AS rating
        FROM users LEFT JOIN profiles ON agent_id = users.id
        WHERE role = 'agent' AND id > ?1 AND disabled_at IS NULL AND (CAST(?2 AS INTEGER) IS NULL OR id = ?2)
            AND (CAST(?4 AS TEXT) IS NULL OR instr(' ' || languages || ' ', ' ' || ?4 || ' ') > 0)
            AND (CAST(?5 AS INTEGER) IS NULL OR rate_cents <= ?5)
        ORDER BY id LIMIT {limit:d}
        """,
        (after_id, only_id, client_id, language, most_cents),
    ).fetchall()


def rates(db: Connection, seen_after: int) -> tuple[int, int] | None:
    """The lowest and the highest rate of the agents who are there and take requests, in cents."""
    low, high = db.conn.execute(
        """
        SELECT min(rate_cents), max(rate_cents) FROM users
        WHERE role = 'agent' AND disabled_at IS NULL AND is_available = 1 AND seen_at > ?
        """,
        (seen_after,),
    ).fetchone()
    return None if low is None else (low, high)


def set_available(db: Connection, user_id: int, is_available: bool) -> None:
    """Switch whether an agent takes requests."""
    update(db, user_id, is_available=int(is_available))


def leave(db: Connection, token_hash: bytes, now: int) -> None:
    """Whose token this was takes no requests, if they are signed in nowhere else."""
    db.conn.execute(
        """
        UPDATE users SET is_available = 0 WHERE id = (SELECT user_id FROM auth_tokens WHERE token_hash = ?)
            AND NOT EXISTS (
                SELECT 1 FROM auth_tokens
                WHERE user_id = users.id AND label IS NULL AND revoked_at IS NULL AND expires_at > ?
            )
        """,
        (token_hash, now),
    )


def set_rate(db: Connection, user_id: int, rate_cents: int) -> None:
    """What a minute with them costs from the next session on."""
    update(db, user_id, rate_cents=rate_cents)


def set_password_hash(db: Connection, user_id: int, password_hash: str) -> None:
    """Replace somebody's password, of which the hash is kept."""
    update(db, user_id, password_hash=password_hash)


def update(db: Connection, user_id: int, **changed: object) -> None:
    """Change columns of their row."""
    columns.update(db, "users", user_id, changed)


def erase(db: Connection, user_id: int, name: str, now: int) -> None:
    """Only a number and this name are left of them; what they wrote is for chat/store/words.py."""
    email = "(SELECT email FROM users WHERE id = :user_id)"
    for statement in (
        f"DELETE FROM links WHERE user_id = :user_id OR mailed_to = {email}",
        f"DELETE FROM outbox WHERE kind = 'mail' AND target IN (:user_key, {email})",
        """
        UPDATE users SET name = :name, email = 'erased-' || id, password_hash = '', headline = '',
            language = NULL, disabled_at = coalesce(disabled_at, :now), is_available = 0, totp_key = NULL,
            totp_step = 0, seen_at = 0, here_since = 0, is_mailed = 0, widget_id = NULL, erased_at = :now
        WHERE id = :user_id
        """,
        "DELETE FROM recovery_codes WHERE user_id = :user_id",
        "DELETE FROM mailed WHERE user_id = :user_id",
        "UPDATE auth_tokens SET looking_page = '', looking_until = 0, label = NULL WHERE user_id = :user_id",
        """
        DELETE FROM outbox WHERE kind = 'push' AND target IN (
            SELECT CAST(id AS TEXT) FROM push_subscriptions WHERE user_id = :user_id
        )
        """,
        "DELETE FROM push_subscriptions WHERE user_id = :user_id",
        "DELETE FROM notices WHERE user_id = :user_id",
        "DELETE FROM blocks WHERE :user_id IN (client_id, agent_id)",
        "DELETE FROM replies WHERE agent_id = :user_id",
        "DELETE FROM profiles WHERE agent_id = :user_id",
        "DELETE FROM portraits WHERE user_id = :user_id",
    ):
        db.conn.execute(statement, {"user_id": user_id, "user_key": str(user_id), "name": name, "now": now})


def being_erased(db: Connection) -> list[int]:
    """The ids of those who are, and whose words are not all gone."""
    query = "SELECT id FROM users WHERE erased_at IS NOT NULL AND words_gone_at IS NULL"
    return [row[0] for row in db.conn.execute(query).fetchall()]


def erased(db: Connection, user_ids: Iterable[int]) -> dict[int, str]:
    """Of these the ones who are, each with the name that is left."""
    marks = ", ".join(str(int(each)) for each in user_ids)
    query = f"SELECT id, name FROM users WHERE id IN ({marks}) AND erased_at IS NOT NULL"
    return {row[0]: row[1] for row in db.conn.execute(query).fetchall()}


def other_administrators(db: Connection, user_id: int) -> int:
    """How many others there are who can sign in."""
    row = db.conn.execute(
        "SELECT count(*) FROM users WHERE role = 'admin' AND disabled_at IS NULL AND id <> ?", (user_id,)
    ).fetchone()
    return int(row[0])


def search(db: Connection, text: str, role: str | None, before_id: int, limit: int) -> list[UserRow]:
    """The newest people with lower ids whose name or email contains the text."""
    return db.conn.execute(
        f"""
        SELECT * FROM users WHERE id < :before_id AND (CAST(:role AS TEXT) IS NULL OR role = :role)
            AND instr(folded(name || ' ' || email), :text) > 0
        ORDER BY id DESC LIMIT {limit:d}
        """,
        {"text": texts.folded(text), "role": role, "before_id": before_id},
    ).fetchall()


def count(db: Connection) -> int:
    """How many people there are."""
    return int(db.conn.execute("SELECT count(*) FROM users").fetchone()[0])
