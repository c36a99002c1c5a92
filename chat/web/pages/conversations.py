"""One conversation: what its forms do, its transcript; and the list of all."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from flask import Blueprint, Response
from flask_babel import gettext

from chat import archive, edits, inbox, messages, signals, texts, transitions, uploads
from chat.accounts import User
from chat.documents import encode
from chat.errors import InvalidParameter, NotFound, Problem, SessionPaused, TooLate, TooManyRequests
from chat.messages import Position
from chat.runtime import Runtime
from chat.store.rows import Message
from chat.uploads import Upload
from chat.web import multipart
from chat.web.answer import PERSONAL
from chat.web.language import exact, instant, moment, money, size
from chat.web.lines import lines
from chat.web.page import check_form, form, listed, live, page, reader, see
from chat.web.pages.actions import ACTIONS, LEAVING
from chat.web.pages.talk import Shown, again, talk_page
from chat.web.request import MAX_INTEGER, Body, Digits, Key, Query, caller, current_runtime, path_id, query
from chat.web.words import ROLES, SCRIPT, of_event, of_session
from chat.wire import Receipt, Transcript

blueprint = Blueprint("conversations", __name__, url_prefix="/sessions")

PAGE_SIZE = 50
SESSION = "/<chat_session_id>"
MESSAGE = f"{SESSION}/messages/<message_id>"


class Draft(Body):
    """What is sent, with the key of its form: sent twice, it is stored once. `resume` ends a pause first."""

    message: str = ""
    key: Key | None = None
    resume: str = ""


class Edit(Body):
    """What a message says from now on."""

    message: str = ""


class Seen(Query):
    """What the page around shows: its newest message, and how the conversation stood."""

    message_id: Digits = 0
    status: str = ""


@blueprint.get("")
def history() -> Response:
    runtime, user, asked = current_runtime(), reader("client", "agent"), query(Shown)
    ended, has_more = inbox.history(runtime, user, asked.before, PAGE_SIZE)
    is_first = asked.before == MAX_INTEGER
    open_ones = runtime.database.read(lambda db: listed(db, user))
    return page(
        "sessions.html",
        live=live(user, open_ones),
        open_sessions=open_ones.sessions if is_first else [],
        sessions=ended,
        has_more=has_more,
    )


@blueprint.get(SESSION)
def show(chat_session_id: str) -> Response:
    return talk_page(reader("client", "agent"), path_id(chat_session_id))


@blueprint.get(f"{SESSION}/news")
def news(chat_session_id: str) -> Response:
    """For the page around it, where no script looks for what is new; what that shows has been read."""
    runtime, user, session_id = current_runtime(), reader("client", "agent"), path_id(chat_session_id)
    seen = query(Seen)
    found = messages.read(runtime, user, session_id, Position(last_id=seen.message_id))
    if seen.message_id:
        signals.mark_read(runtime, user, session_id, seen.message_id)
    is_other = bool(found.messages) or found.session["status"] != seen.status
    until = found.session["expires_at"]
    left = instant(until) - instant(found.server_time) if until else timedelta()
    return page("news.html", found=found, is_other=is_other, seconds_left=max(0, left.total_seconds()))


@blueprint.post(f"{SESSION}/messages")
def send(chat_session_id: str) -> Response:
    runtime, user, session_id = current_runtime(), reader("client", "agent"), path_id(chat_session_id)
    try:
        sent = multipart.form(runtime) if multipart.is_one() else None
        message = form(Draft)
        before = transitions.resuming(user) if message.resume else None
        if sent and sent.name:
            upload = Upload(sent.file, sent.name, message.message)
            uploads.send(runtime, user, session_id, upload, message.key, caller(), before)
        else:
            messages.send(runtime, user, session_id, message.message, message.key, caller(), before)
    except Problem as problem:
        return again(user, session_id, problem)
    return see("conversations.show", chat_session_id=session_id, _anchor="newest")


@blueprint.get(MESSAGE)
def show_message(chat_session_id: str, message_id: str) -> Response:
    """To edit or delete it, where no script does that beside the others."""
    return _message_page(path_id(chat_session_id), path_id(message_id))


@blueprint.post(MESSAGE)
def edit_message(chat_session_id: str, message_id: str) -> Response:
    act = partial(edits.edit, text=form(Edit).message, caller=caller())
    return _change(chat_session_id, message_id, act)


@blueprint.post(f"{MESSAGE}/delete")
def delete_message(chat_session_id: str, message_id: str) -> Response:
    check_form()
    return _change(chat_session_id, message_id, partial(edits.delete, caller=caller()))


def _change(
    chat_session_id: str, message_id: str, act: Callable[[Runtime, User, int, int], object]
) -> Response:
    runtime, user = current_runtime(), reader("client", "agent")
    which = path_id(chat_session_id), path_id(message_id)
    try:
        act(runtime, user, *which)
    except (InvalidParameter, SessionPaused, TooLate, TooManyRequests) as problem:
        return _message_page(*which, problem)
    anchor = f"message-{which[1]}"
    return see("conversations.show", chat_session_id=which[0], around=which[1], _anchor=anchor)


def _message_page(session_id: int, message_id: int, problem: Problem | None = None) -> Response:
    runtime, user = current_runtime(), reader("client", "agent")
    message = runtime.database.read(lambda db: edits.own(db, user, session_id, message_id))
    return page("message.html", problem=problem, message=message, session_id=session_id)


@blueprint.post(f"{SESSION}/<action>")
def act(chat_session_id: str, action: str) -> Response:
    runtime, user, session_id = current_runtime(), reader("client", "agent"), path_id(chat_session_id)
    if action not in ACTIONS:
        raise NotFound
    try:
        check_form()
        ACTIONS[action](runtime, user, session_id)
    except Problem as problem:
        return again(user, session_id, problem)
    if user.role == "agent" and action in LEAVING:
        return see("desk.show")
    notice = {"notice": "rated"} if action == "rating" else {}
    return see("conversations.show", chat_session_id=session_id, **notice)


@blueprint.get(f"{SESSION}/transcript.<kind>")
def transcript(chat_session_id: str, kind: str) -> Response:
    session_id = path_id(chat_session_id)
    found = archive.transcript(current_runtime(), reader(), session_id)
    if kind not in ("txt", "json"):
        raise NotFound
    content = encode(found) if kind == "json" else _text(found).encode()
    mime = "application/json" if kind == "json" else "text/plain; charset=utf-8"
    return Response(
        content,
        headers={
            **PERSONAL,
            "Content-Type": mime,
            "Content-Disposition": f'attachment; filename="tete-a-tete-{session_id}.{kind}"',
        },
    )


def _text(found: Transcript) -> str:
    """A head for each message, and below it the message, indented: none can be taken for a head, or for what
    happened."""
    session = found["session"]
    names = [side["name"] for side in (session["client"], session["agent"]) if side]
    shown = [" / ".join(names), f"{moment(session['created_at'])}, {of_session(session)}"]
    shown += _sums(found["receipt"])
    for line in lines(found["messages"], session["events"]):
        if "code" in line:
            shown += ["", f"[{moment(line['at'])}] {of_event(line, session['currency'])}"]
        else:
            role = ROLES[line["sender_type"]]
            shown += ["", f"[{moment(line['created_at'])}] {line['sender_name']} ({role}){_edited(line)}:"]
            gone = SCRIPT["deleted_by_writer" if line["is_deleted"] else "deleted"]
            said = texts.lines(line["message"]) or [str(gone)]
            if file := line.get("attachment"):
                words = [] if line["message"] == file["name"] else said
                said = [f"[{file['name']}, {file['type']}, {size(file['bytes'])}] {file['url']}", *words]
            shown += [f"    {each}" for each in said]
    return "\n".join([*shown, ""])


def _edited(message: Message) -> str:
    at = message["edited_at"]
    return gettext(" (edited %(date)s)", date=moment(at)) if at and message["message"] else ""


def _sums(receipt: Receipt) -> list[str]:
    """What it costs, as the receipt says."""

    def shown(amount: int) -> str:
        return money(amount, receipt["currency"])

    title = gettext("Receipt %(number)d", number=receipt["number"]) if receipt["number"] else gettext("Bill")
    lines = [title, f"{gettext('Active time')}: {exact(receipt['active_milliseconds'])}"]
    for charge in receipt["charges"]:
        count = f"{charge['count']} \N{MULTIPLICATION SIGN} {charge['seconds']} s"
        what = gettext("%(count)s at %(price)s a minute", count=count, price=shown(charge["rate_per_minute"]))
        named = what if charge["count"] else gettext("Up to the minimum charge")
        lines.append(f"{named} = {shown(charge['amount'])}")
    lines.append(f"{gettext('Total')}: {shown(receipt['total_cost'])}")
    if receipt["credits"]:
        lines.append(f"{gettext('Credited')}: {shown(receipt['credited'])}")
    return lines
