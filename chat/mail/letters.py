"""What each mail says, in the language of whoever it is for.

It is looked at again before it is sent: what is over by then, or read, is not told. Words of a conversation
are in none, unless the setting says so.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from chat import billing, books, store
from chat.database.connection import Connection
from chat.languages import attached, moment, money, texts_in
from chat.mail.message import Letter
from chat.settings import Settings
from chat.store.rows import UnreadRow, UserRow

# A client is told of answers that are no older.
ANSWERS_MS = 7 * 86_400_000

Write = Callable[[Connection, Settings, UserRow, str, int], Letter | None]


def told(db: Connection, settings: Settings, user_id: int, asked: Mapping[str, Any]) -> Letter | None:
    """What somebody is to be told of what happened; None when there is nothing to tell any more."""
    user = store.users.by_id(db, user_id)
    if user is None or user["disabled_at"] or not user["is_mailed"]:
        return None
    language = user["language"] or settings.language
    letter = _KINDS[asked["kind"]](db, settings, user, language, asked["about"])
    if letter is None:
        return None
    text = texts_in(language)
    return letter._replace(
        paragraphs=[text.gettext("Hello %(name)s,") % {"name": user["name"]}, *letter.paragraphs],
        footer=text.gettext("You have an account at %(site)s.") % {"site": site(settings)},
        off=(text.gettext("Turn off these mails on your profile"), f"{settings.url}/profile#mails"),
    )


def password(settings: Settings, user: UserRow, language: str, token: str, is_own: bool) -> Letter:
    """A link to choose one; `is_own` if its user asked for it."""
    text = texts_in(language)
    if is_own:
        first = text.gettext(
            "Somebody, probably you, asked for a link to choose a new password for %(email)s. It works once, "
            "within an hour."
        )
        footer = text.gettext("If it was not you, do nothing: your password stays as it is.")
    else:
        first = text.gettext(
            "With this link you choose the password for %(email)s. It works once, within seven days."
        )
        footer = _by_administrator(settings, language)
    return Letter(
        user["email"],
        language,
        text.gettext("Choose a password"),
        [text.gettext("Hello %(name)s,") % {"name": user["name"]}, first % {"email": user["email"]}],
        (text.gettext("Choose a password"), _link(settings, token)),
        footer=footer,
    )


def invitation(settings: Settings, email: str, language: str, token: str, role: str) -> Letter:
    """A link to sign up as a client or an agent."""
    text, where = texts_in(language), {"site": site(settings)}
    first = (
        text.gettext("You are invited to answer clients at %(site)s, as an agent.")
        if role == "agent"
        else text.gettext("You are invited to ask the agents at %(site)s.")
    )
    then = text.gettext("With this link you create your account. It works once, within seven days.")
    return Letter(
        email,
        language,
        text.gettext("You are invited to %(site)s") % where,
        [first % where, then],
        (text.gettext("Create an account"), _link(settings, token)),
        footer=_by_administrator(settings, language),
    )


def keeping(settings: Settings, guest: UserRow, email: str, language: str, token: str) -> Letter:
    """A link by which somebody who wrote from a website's widget has an account."""
    text, where = texts_in(language), {"site": site(settings)}
    first = text.gettext(
        "With this link you choose a password at %(site)s, and find your conversations there from any "
        "device. It works once, within seven days; the chat on the website is signed out then."
    )
    return Letter(
        email,
        language,
        text.gettext("Keep your conversations"),
        [text.gettext("Hello %(name)s,") % {"name": guest["name"]}, first % where],
        (text.gettext("Choose a password"), _link(settings, token)),
        footer=text.gettext(
            "Somebody, probably you, gave this address there. If it was not you, do nothing."
        ),
    )


def site(settings: Settings) -> str:
    """As people call it: without what is before it."""
    to = urlsplit(settings.url)
    return f"{to.netloc}{to.path}"


def _receipt(
    db: Connection, settings: Settings, client: UserRow, language: str, chat_session_id: int
) -> Letter | None:
    entry = store.books.receipt(db, chat_session_id)
    if entry is None:
        return None
    content: books.Content = books.read(entry)
    text, zone = texts_in(language), settings.time_zone
    minutes = billing.begun_minutes(content["session"]["billed_seconds"])
    amount = money(language, content["total_cents"], content["currency"])
    agent = content["agent"]["name"] if content["agent"] else ""
    return Letter(
        client["email"],
        language,
        text.gettext("Receipt %(number)d: %(amount)s") % {"number": entry["number"], "amount": amount},
        [text.gettext("Your conversation has ended. This is what it cost; the receipt shows how.")],
        (text.gettext("See the receipt"), f"{settings.url}/sessions/{chat_session_id}/receipt"),
        [
            (text.gettext("Agent"), agent),
            (text.gettext("End"), moment(language, content["session"]["ended_at"], zone)),
            (
                text.gettext("Charged"),
                text.ngettext("%(num)d minute", "%(num)d minutes", minutes) % {"num": minutes},
            ),
            (text.gettext("Total"), amount),
        ],
    )


def _request(
    db: Connection, settings: Settings, agent: UserRow, language: str, chat_session_id: int
) -> Letter | None:
    row = store.sessions.of_participant(db, chat_session_id, agent["id"])
    if row is None or row["agent_seen_at"] >= (row["ended_at"] or 0):
        return None
    text, name = texts_in(language), {"name": row["client_name"]}
    at = moment(language, row["created_at"], settings.time_zone)
    first = text.gettext("%(name)s asked for you on %(at)s, while you were away. The request has expired.")
    newest = store.messages.since(db, chat_session_id, row["last_message_id"] - 1, 1)
    words = newest[0]["message"] if newest and settings.mail_words else None
    if words and "attachment" in newest[0]:
        words = attached(text, "picture" if newest[0]["attachment"]["width"] else "file")
    return Letter(
        agent["email"],
        language,
        text.gettext("You missed a request of %(name)s") % name,
        [first % {**name, "at": at}, *_words(words)],
        (text.gettext("See the request"), f"{settings.url}/sessions/{chat_session_id}"),
    )


def _unread(db: Connection, settings: Settings, agent: UserRow, language: str, about: int) -> Letter | None:
    rows = store.mails.unread(db, agent["id"])
    if not rows:
        return None
    text, total = texts_in(language), sum(row["count"] for row in rows)
    subject = text.ngettext("%(num)d message that you have not read", "%(num)d unread messages", total)

    def said(row: UnreadRow) -> str:
        told = text.ngettext("New message", "%(num)d new messages", row["count"]) % {"num": row["count"]}
        kind = row["last_attachment"]
        words = attached(text, kind) if kind else row["last_message"]
        return f"{told}\n{words}" if settings.mail_words else told

    return Letter(
        agent["email"],
        language,
        subject % {"num": total},
        [text.gettext("While you were away, this was written to you:")],
        (text.gettext("To the inbox"), f"{settings.url}/inbox"),
        [(row["client_name"], said(row)) for row in rows],
    )


def _answer(
    db: Connection, settings: Settings, client: UserRow, language: str, answer_id: int
) -> Letter | None:
    since = store.server.now(db) - ANSWERS_MS
    found = (each for each in store.answers.to_client(db, client["id"], since) if each["id"] == answer_id)
    row = next(found, None)
    if row is None:
        return None
    text, name = texts_in(language), {"name": row["agent_name"]}
    first = text.gettext("Nobody took your request in time, but %(name)s has read it now, and has answered.")
    return Letter(
        client["email"],
        language,
        text.gettext("%(name)s has answered your request") % name,
        [first % name, *_words(row["message"] if settings.mail_words else None)],
        (text.gettext("Read the answer"), f"{settings.url}/sessions/{row['chat_session_id']}"),
    )


_KINDS: dict[str, Write] = {"receipt": _receipt, "request": _request, "unread": _unread, "answer": _answer}


def _words(text: str | None) -> list[str]:
    return [text] if text else []


def _link(settings: Settings, token: str) -> str:
    return f"{settings.url}/links/{token}"


def _by_administrator(settings: Settings, language: str) -> str:
    text = texts_in(language).gettext(
        "An administrator of %(site)s has sent this. If you do not know why, do nothing."
    )
    return text % {"site": site(settings)}
