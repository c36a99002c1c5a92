"""The end of sign-ins."""

from chat import store
from chat.database.connection import Connection
from chat.live import topics


def end(
    db: Connection, user_id: int, but: bytes = b"", with_api_tokens: bool = True
) -> tuple[list[str], int]:
    """Revoke all of a user's tokens `but` one: the topics to publish after COMMIT, and the revision.

    What is begun, and waits for a code, ends too: it was begun with a password that may be another now.
    """
    store.second_steps.end(db, user_id)
    head = store.revision.advance(db)
    revoked = store.tokens.revoke_all(db, user_id, store.server.now(db), head, but, with_api_tokens)
    return [topics.of_sign_in(each) for each in revoked], head
