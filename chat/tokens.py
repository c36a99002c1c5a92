"""API tokens: what programs of somebody sign in with, until it is over or revoked.

Whoever makes one shows the password, and only a person does: a token that was stolen makes no other.
"""

from chat import accounts, audit, clock, store, texts
from chat.accounts import User
from chat.database.connection import Connection
from chat.errors import Forbidden, NotFound, TooMany
from chat.live import topics
from chat.live.hub import Caller
from chat.runtime import Runtime
from chat.store.rows import TokenRow
from chat.wire import ApiToken

LABEL_CHARACTERS = 100
USUAL_DAYS = 365
MOST_DAYS = 3650
# Of one user.
MOST = 50


def listed(runtime: Runtime, user_id: int) -> list[ApiToken]:
    """The user's that are valid, the newest first."""
    return [_shown(row) for row in runtime.database.read(lambda db: _valid(db, user_id))]


def create(
    runtime: Runtime, user: User, label: str, days: int, password: str, caller: Caller
) -> tuple[str, ApiToken]:
    """A new one, told this once.

    Raises Forbidden, InvalidParameter, InvalidCredentials, TooMany, TooManyRequests, Overloaded.
    """
    _only_people(user)
    checked = _label(label)
    accounts.check_own_password(runtime, user, password, caller)
    return runtime.database.write(lambda db: _insert(db, user, user.id, checked, days))


def issue(runtime: Runtime, user_id: int, label: str, days: int) -> tuple[str, ApiToken]:
    """The same at the server's console."""
    checked = _label(label)
    return runtime.database.write(lambda db: _insert(db, None, user_id, checked, days))


def revoke(runtime: Runtime, user: User, token_id: int) -> None:
    """End one of one's own at once, and what is held with it; raises Forbidden, NotFound."""
    _only_people(user)
    _revoke(runtime, user, user.id, token_id)


def withdraw(runtime: Runtime, user_id: int, token_id: int) -> None:
    """The same at the server's console."""
    _revoke(runtime, None, user_id, token_id)


def _only_people(user: User) -> None:
    if user.is_program:
        raise Forbidden("With an API token none is made or revoked.")


def _label(label: str) -> str:
    return texts.checked(label, "label", LABEL_CHARACTERS)


def _insert(db: Connection, actor: User | None, user_id: int, label: str, days: int) -> tuple[str, ApiToken]:
    if len(_valid(db, user_id)) >= MOST:
        raise TooMany(f"{MOST} tokens.")
    token = accounts.insert_token(db, user_id, days, label)
    made = _valid(db, user_id)[0]
    audit.note(db, actor, "token_made", user_id, detail=str(made["id"]))
    return token, _shown(made)


def _revoke(runtime: Runtime, actor: User | None, user_id: int, token_id: int) -> None:
    def write(db: Connection) -> tuple[bytes, int]:
        row = next((each for each in _valid(db, user_id) if each["id"] == token_id), None)
        if row is None:
            raise NotFound
        head, now = store.revision.advance(db), store.server.now(db)
        store.tokens.revoke(db, row["token_hash"], now, head)
        store.users.leave(db, row["token_hash"], now)
        audit.note(db, actor, "token_revoked", user_id, detail=str(token_id))
        return row["token_hash"], head

    token_hash, head = runtime.database.write(write)
    runtime.hub.publish([topics.of_sign_in(token_hash)], head)


def _valid(db: Connection, user_id: int) -> list[TokenRow]:
    return store.tokens.labelled(db, user_id, store.server.now(db))


def _shown(row: TokenRow) -> ApiToken:
    return {
        "id": row["id"],
        "label": row["label"],
        "created_at": clock.text(row["created_at"]),
        "used_at": clock.text_or_none(row["used_at"]),
        "expires_at": clock.text(row["expires_at"]),
    }
