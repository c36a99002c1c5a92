"""A client's file: a page of its own, and what stands beside a conversation."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response
from flask_babel import gettext, ngettext

from chat import clients, notes, texts
from chat.documents import encode
from chat.errors import InvalidParameter, NotFound, Problem
from chat.web.answer import PERSONAL
from chat.web.language import full_date, moment, money
from chat.web.page import check_form, form, form_key, page, reader, see
from chat.web.request import MAX_INTEGER, Body, Digits, Key, Query, current_runtime, path_id, query
from chat.web.words import ROLES
from chat.wire import ClientFile

# `clients` are the API's.
blueprint = Blueprint("files", __name__, url_prefix="/clients/<user_id>")

PAGE_SIZE = 50
BESIDE = 10
EVERYTHING = 1_000_000


class Shown(Query):
    """Which part of it, and beside which conversation; `part=file` is without the page around it."""

    before: Digits = MAX_INTEGER
    before_note: Digits = MAX_INTEGER
    session: Digits | None = None
    part: str = ""


class Note(Body):
    """What is kept, with the key of its form: sent twice, it is kept once."""

    text: str = ""
    key: Key | None = None
    session: Digits | None = None


@blueprint.get("")
def show(user_id: str) -> Response:
    return _page(path_id(user_id))


@blueprint.post("/notes")
def add(user_id: str) -> Response:
    client_id = path_id(user_id)

    def act(note: Note) -> None:
        notes.add(current_runtime(), reader(), client_id, note.text, note.session, note.key)

    return _kept(client_id, act)


@blueprint.post("/notes/<note_id>")
def change(user_id: str, note_id: str) -> Response:
    client_id, which = path_id(user_id), path_id(note_id)

    def act(note: Note) -> None:
        notes.change(current_runtime(), reader(), client_id, which, note.text)

    return _kept(client_id, act, which)


@blueprint.post("/notes/<note_id>/delete")
def delete(user_id: str, note_id: str) -> Response:
    user, client_id = reader("agent", "admin"), path_id(user_id)
    check_form()
    notes.delete(current_runtime(), user, client_id, path_id(note_id))
    return _see(client_id, "deleted")


@blueprint.get("/file.<kind>")
def export(user_id: str, kind: str) -> Response:
    user, client_id = reader("agent", "admin"), path_id(user_id)
    if kind not in ("txt", "json"):
        raise NotFound
    found = clients.file_of(current_runtime(), user, client_id, MAX_INTEGER, MAX_INTEGER, EVERYTHING)
    content = encode(found) if kind == "json" else _text(found).encode()
    mime = "application/json" if kind == "json" else "text/plain; charset=utf-8"
    name = f'attachment; filename="tete-a-tete-client-{client_id}.{kind}"'
    return Response(content, headers={**PERSONAL, "Content-Type": mime, "Content-Disposition": name})


def _page(client_id: int, problem: Problem | None = None, edited_id: int | None = None) -> Response:
    user, asked = reader("agent", "admin"), query(Shown)
    is_part = asked.part == "file"
    size, without = (BESIDE, {"live": None}) if is_part else (PAGE_SIZE, dict[str, Any]())
    found = clients.file_of(current_runtime(), user, client_id, asked.before, asked.before_note, size)
    return page(
        "_file.html" if is_part else "client.html",
        problem=problem,
        file=found,
        key=form_key(problem),
        current=asked.session,
        edited_id=edited_id,
        is_part=is_part,
        **without,
    )


def _kept(client_id: int, act: Callable[[Note], object], edited_id: int | None = None) -> Response:
    reader("agent", "admin")
    try:
        act(form(Note))
    except InvalidParameter as problem:
        return _page(client_id, problem, edited_id)
    return _see(client_id, "saved")


def _see(client_id: int, notice: str) -> Response:
    asked = query(Shown)
    shown = {"session": asked.session, "part": asked.part or None}
    return see("files.show", user_id=client_id, notice=notice, _anchor="notes", **shown)


def _text(found: ClientFile) -> str:
    """Facts, then the conversations, then each note with its lines indented: none can be taken for a head."""
    shown = [found["client"]["name"], gettext("Since %(date)s", date=full_date(found["since"]))]
    shown += [
        f"{ngettext('%(num)d minute', '%(num)d minutes', each['minutes'])}, "
        f"{money(each['amount'], each['currency'])}"
        for each in found["paid"]
    ]
    shown += ["", gettext("Conversations")]
    for each in found["sessions"]:
        minutes = ngettext("%(num)d minute", "%(num)d minutes", each["minutes"])
        cost = [] if each["cost"] is None else [money(each["cost"], each["currency"])]
        rating = [f"{each['rating']}/5"] if each["rating"] else []
        shown.append(", ".join([moment(each["created_at"]), each["agent"]["name"], minutes, *cost, *rating]))
    shown += ["", gettext("Notes")]
    for note in found["notes"]:
        shown += ["", f"[{moment(note['created_at'])}] {note['author']['name']} ({ROLES[note['by']]}):"]
        shown += [f"    {line}" for line in texts.lines(note["text"])]
    return "\n".join([*shown, ""])
