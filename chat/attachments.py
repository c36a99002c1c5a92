"""Files that are sent with messages: what one may be called, which are taken, and who may have them.

What a browser would show is written anew (chat/pictures.py); all else it is only to keep.
"""

import re
from collections.abc import Callable
from functools import partial
from io import BytesIO
from mimetypes import MimeTypes
from typing import IO, NamedTuple
from unicodedata import normalize

from chat import audit, pictures, sessions, store, texts
from chat.accounts import User
from chat.blobs import ROWS, Blobs
from chat.database.connection import Connection
from chat.errors import AttachmentNotAllowed, InvalidParameter, UnreadablePicture, existing
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store.rows import AttachmentRow, Message

# Of both sides of a picture, and of what a conversation shows of it: twice as large as it is there.
LARGEST_SIDE, THUMBNAIL_SIDE = 4096, 640
PICTURES = ("jpg", "jpeg", "png", "gif", "webp")
# Some systems take no longer names, and these signs in none.
NAME_CHARACTERS, ENDING_CHARACTERS = 150, 16
NOT_IN_NAMES = re.compile(r'[<>:"|?*]')
ANY = "application/octet-stream"
# Python's own list: what the machine's says differs from one to the next.
TYPES = MimeTypes()
# An administrator who reads a conversation loads its pictures, too: noted once.
SAME_READING_MS = 600_000


class Made(NamedTuple):
    """What has become of a file: the facts, and the names of its contents."""

    name: str
    type: str
    bytes: int
    width: int | None
    height: int | None
    content: str
    thumbnail: str | None


class Served(NamedTuple):
    """What is in the folder under `content`, and how a browser is told of it: shown, or else only kept."""

    content: str
    name: str
    type: str
    is_shown: bool


def name_of(given: str) -> str:
    """What somebody calls a file, as it is stored: no path, one line, nothing that turns it around."""
    last = re.split(r"[/\\]", given)[-1]
    seen = (each for each in normalize("NFC", last) if not texts.is_blank(each) or each == " ")
    kept = NOT_IN_NAMES.sub("_", "".join(seen)).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if not dot or len(ending) > ENDING_CHARACTERS:
        return kept[:NAME_CHARACTERS] or "file"
    return f"{stem[: NAME_CHARACTERS - len(ending) - 1]}.{ending}"


def check_kind(settings: Settings, name: str, beginning: bytes) -> None:
    """By its first 12 bytes, or else by its name; raises InvalidParameter, AttachmentNotAllowed,
    UnreadablePicture."""
    if not beginning:
        raise InvalidParameter("The file is empty.", field="file")
    kinds, ending = settings.attachment_kinds, name.rpartition(".")[2].lower()
    picture = pictures.kind(beginning)
    if not picture and ending in PICTURES:
        raise UnreadablePicture
    if (picture or ending) not in kinds and "*" not in kinds:
        raise AttachmentNotAllowed(f"{name} is none of: {', '.join(kinds)}.")


def make(settings: Settings, blobs: Blobs, file: IO[bytes], name: str) -> Made:
    """Bring it to disk; a picture is written anew. On a native thread.

    Raises OSError, and what pictures.cleaned does.
    """
    file.seek(0)
    beginning = file.read(12)
    file.seek(0)
    if not pictures.kind(beginning):
        content = blobs.keep(file)
        return Made(name, TYPES.guess_type(name)[0] or ANY, file.tell(), None, None, content, None)
    picture = pictures.cleaned(file.read(), LARGEST_SIDE, settings.picture_pixels)
    small = pictures.cleaned(picture.content, THUMBNAIL_SIDE, settings.picture_pixels, is_still=True)
    content, thumbnail = (blobs.keep(BytesIO(each.content)) for each in (picture, small))
    name = _with_ending(name, picture.ending)
    return Made(name, picture.type, len(picture.content), picture.width, picture.height, content, thumbnail)


def addressed(settings: Settings, messages: list[Message]) -> list[Message]:
    """These, with where their files are, on the API."""
    for message in messages:
        if attachment := message.get("attachment"):
            url = f"{settings.prefix}/api/chat/attachments/{message['chat_session_id']}/{message['id']}"
            attachment["url"] = url
            if attachment["thumbnail_url"] is not None:
                attachment["thumbnail_url"] = f"{url}/thumbnail"
    return messages


def find(
    runtime: Runtime, user: User, chat_session_id: int, message_id: int, is_thumbnail: bool = False
) -> Served:
    """For the two of the session, and for administrators, whose reading is noted; raises NotFound."""

    def read(db: Connection) -> AttachmentRow:
        if user.role != "admin":
            sessions.of_user(db, chat_session_id, user.id)
        return existing(store.attachments.of_message(db, chat_session_id, message_id))

    row = runtime.database.read(read)
    if user.role == "admin":
        runtime.database.write(lambda db: _note(db, user, chat_session_id))
    if is_thumbnail:
        return Served(existing(row["thumbnail"]), row["name"], pictures.WEBP[1], True)
    is_picture = row["thumbnail"] is not None
    return Served(row["content"], row["name"], row["type"] if is_picture else ANY, is_picture)


def clear(runtime: Runtime) -> None:
    """Take from disk what no message has any more; raises OSError, and goes on with it the next time."""
    while contents := runtime.database.read(lambda db: store.attachments.dropped(db, ROWS)):
        _remove(runtime, contents)


def sweep(runtime: Runtime, is_stopped: Callable[[], bool]) -> None:
    """The same for what no message ever had: the server ended in between."""
    for contents in runtime.blobs.old(runtime.drawing.call):
        if is_stopped():
            return
        if unused := runtime.database.read(partial(store.attachments.unused, contents=contents)):
            _remove(runtime, unused)


def _remove(runtime: Runtime, contents: list[str]) -> None:
    """In the transaction in which nobody has them: another one that takes one into use comes after it."""

    def write(db: Connection) -> None:
        runtime.blobs.drop(db, store.attachments.unused(db, contents))
        store.attachments.forget(db, contents)

    runtime.database.write(write)


def _note(db: Connection, reader: User, chat_session_id: int) -> None:
    since = store.server.now(db) - SAME_READING_MS
    if not store.audit.was_noted(db, "transcript_read", reader.id, chat_session_id, since):
        audit.note(db, reader, "transcript_read", chat_session_id=chat_session_id)


def _with_ending(name: str, ending: str) -> str:
    stem, _, old = name.rpartition(".")
    if ending == ".jpg" and old.lower() == "jpeg":
        return name
    return f"{stem or name}"[: NAME_CHARACTERS - len(ending)] + ending
