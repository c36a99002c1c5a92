"""Devices that take pushes: each is of a user, and of a sign-in."""

from collections import defaultdict
from collections.abc import Sequence

from chat.database.connection import Connection
from chat.store.rows import DeviceRow, PushRow

# Of somebody who is signed in on the device.
SIGNED_IN = """
    push_subscriptions p
    JOIN auth_tokens t ON t.id = p.auth_token_id AND revoked_at IS NULL AND expires_at > :now
    JOIN users u ON u.id = p.user_id AND disabled_at IS NULL
"""
# Whether any page of theirs is looked at, here or on another device.
LOOKING = """EXISTS (
    SELECT 1 FROM auth_tokens l WHERE l.user_id = {user} AND l.looking_until > :now AND l.revoked_at IS NULL
)"""


def keys(db: Connection) -> tuple[bytes, str]:
    """The private one, and the public one as browsers want it."""
    row = db.conn.execute("SELECT push_private_key, push_public_key FROM server").fetchone()
    return row[0], row[1]


def save(
    db: Connection, token_hash: bytes, endpoint: str, p256dh: bytes, auth: bytes, *page: str, now: int
) -> bool:
    """Whether it is new; `page` is its site and language. One that there is goes over to this sign-in."""
    values = (token_hash, endpoint, p256dh, auth, *page, now)
    is_new = not db.conn.execute(
        "SELECT 1 FROM push_subscriptions WHERE endpoint = ?", (endpoint,)
    ).fetchone()
    db.conn.execute(
        """
        INSERT INTO push_subscriptions
            (auth_token_id, user_id, endpoint, p256dh, auth, site, language, created_at)
        SELECT id, user_id, ?2, ?3, ?4, ?5, ?6, ?7 FROM auth_tokens WHERE token_hash = ?1
        ON CONFLICT (endpoint) DO UPDATE SET auth_token_id = excluded.auth_token_id,
            user_id = excluded.user_id, site = excluded.site, language = excluded.language
        """,
        values,
    )
    return is_new


def is_other(db: Connection, endpoint: str, p256dh: bytes, auth: bytes) -> bool:
    """Whether somebody has it with other keys: who knows the endpoint only, is not the browser."""
    row = db.conn.execute(
        "SELECT 1 FROM push_subscriptions WHERE endpoint = ? AND (p256dh, auth) <> (?, ?)",
        (endpoint, p256dh, auth),
    ).fetchone()
    return row is not None


def keep_newest(db: Connection, user_id: int, count: int) -> None:
    """Forget the older ones of the user."""
    db.conn.execute(
        """
        DELETE FROM push_subscriptions WHERE user_id = ?1 AND id NOT IN (
            SELECT id FROM push_subscriptions WHERE user_id = ?1 ORDER BY id DESC LIMIT ?2
        )
        """,
        (user_id, count),
    )


def delete_own(db: Connection, user_id: int, endpoint: str) -> bool:
    """Whether the user had it."""
    cursor = db.conn.execute(
        "DELETE FROM push_subscriptions WHERE user_id = ? AND endpoint = ?", (user_id, endpoint)
    )
    return bool(cursor.rowcount)


def delete(db: Connection, subscription_id: int) -> None:
    """It is dead."""
    db.conn.execute("DELETE FROM push_subscriptions WHERE id = ?", (subscription_id,))


def exist(db: Connection) -> bool:
    """Whether anybody has one."""
    return bool(db.conn.execute("SELECT EXISTS (SELECT 1 FROM push_subscriptions)").fetchone()[0])


def is_told(db: Connection, token_hash: bytes) -> bool:
    """Whether the sign-in has one."""
    row = db.conn.execute(
        """
        SELECT EXISTS (
            SELECT 1 FROM push_subscriptions p JOIN auth_tokens t ON t.id = auth_token_id WHERE token_hash = ?
        )
        """,
        (token_hash,),
    ).fetchone()
    return bool(row[0])


def own_id(db: Connection, user_id: int, endpoint: str) -> int | None:
    """Of the user's."""
    row = db.conn.execute(
        "SELECT id FROM push_subscriptions WHERE user_id = ? AND endpoint = ?", (user_id, endpoint)
    ).fetchone()
    return row and int(row[0])


def of_user(db: Connection, user_id: int) -> list[DeviceRow]:
    """All of the user's."""
    return db.conn.execute(
        "SELECT endpoint, site, language, created_at FROM push_subscriptions WHERE user_id = ? ORDER BY id",
        (user_id,),
    ).fetchall()


def ids_of(db: Connection, user_ids: Sequence[int], now: int) -> defaultdict[int, list[int]]:
    """What each of these users has."""
    marks = ", ".join(str(int(each)) for each in user_ids)
    rows = db.conn.execute(
        f"SELECT p.user_id, p.id FROM {SIGNED_IN} WHERE p.user_id IN ({marks})", {"now": now}
    ).fetchall()
    found = defaultdict[int, list[int]](list)
    for user_id, device_id in rows:
        found[user_id].append(device_id)
    return found


def by_id(db: Connection, subscription_id: int, now: int) -> PushRow | None:
    """The row; None when it is gone, or its sign-in has ended."""
    row: PushRow | None = db.conn.execute(
        f"""
        SELECT p.id, p.user_id, endpoint, p256dh, auth, site, coalesce(u.language, p.language) AS language,
            u.role, {LOOKING.format(user="p.user_id")} AS is_looking
        FROM {SIGNED_IN} WHERE p.id = :id
        """,
        {"id": subscription_id, "now": now},
    ).fetchone()
    return row
