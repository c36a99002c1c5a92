"""Guests: clients who came by a widget, with no more than a name.

They are clients in all that they do, agree to and pay. The token of their frame is all that signs them in;
with a link that goes to an email they choose a password, and have an account from then on.
"""

from chat import accounts, store, texts, widgets
from chat.accounts import User, hash_token
from chat.attempts import count_guest, count_link
from chat.database.connection import Connection
from chat.errors import NotFound, existing
from chat.live.hub import Caller
from chat.mail import links
from chat.runtime import Runtime


def create(
    runtime: Runtime, key: str, name: str, email: str, language: str, caller: Caller
) -> tuple[str, User]:
    """Somebody who comes by the widget with this key: their token, and who they are.

    With an `email` a link to keep what they write goes there, if there is mail. Raises NotFound,
    InvalidParameter, TooManyRequests.
    """
    widget = widgets.find(runtime, key)
    checked = texts.name(name)
    mailed_to = accounts.checked_email(email) if email.strip() and may_keep(runtime) else ""
    count_guest(runtime, caller, widget["id"])
    if mailed_to:
        count_link(runtime, mailed_to)

    def write(db: Connection) -> tuple[str, User]:
        existing(store.widgets.by_key(db, key))
        user_id = widgets.insert_guest(db, widget["id"], checked)
        token = accounts.insert_token(db, user_id, runtime.settings.token_days)
        if mailed_to:
            links.put_keeping(db, mailed_to, user_id, language)
        return token, User(user_id, "client", checked, hash_token(token), None, caller.network)

    return runtime.database.write(write)


def may_keep(runtime: Runtime) -> bool:
    """Whether a guest can have an account by a link that is mailed."""
    return runtime.settings.has_mail and runtime.settings.sign_up == "open"


def is_guest(runtime: Runtime, user: User) -> bool:
    """Whether they have no account yet."""
    row = runtime.database.read(lambda db: existing(store.users.by_id(db, user.id)))
    return row["widget_id"] is not None


def keep(runtime: Runtime, user: User, email: str, language: str) -> None:
    """Send them the link; what is said does not depend on whether the email has an account.

    Raises NotFound, InvalidParameter, TooManyRequests.
    """
    if not may_keep(runtime) or not is_guest(runtime, user):
        raise NotFound
    checked = accounts.checked_email(email)
    count_link(runtime, f"guest {user.id}")
    count_link(runtime, checked)
    runtime.database.write(lambda db: links.put_keeping(db, checked, user.id, language))
