"""Files that are sent: looked at, brought to disk, and then said in a message, as any other."""

from hashlib import sha256
from typing import IO, NamedTuple

from chat import attachments, changes, messages, sessions, store, texts
from chat.accounts import User
from chat.attachments import Made
from chat.database.connection import Connection
from chat.errors import (
    AttachmentsUsedUp,
    AttachmentTooLarge,
    SessionEnded,
    StorageFull,
)
from chat.live.hub import Caller
from chat.messages import MAX_CHARACTERS
from chat.runtime import Runtime

PIECE_BYTES = 65_536


class Upload(NamedTuple):
    """What somebody sends: a file that can be read from the start, what they call it, and words with it."""

    file: IO[bytes]
    name: str
    text: str = ""


class _Gone(Exception):
    """What was brought to disk was taken away before a message had it."""


def send(
    runtime: Runtime,
    user: User,
    chat_session_id: int,
    upload: Upload,
    key: str | None,
    caller: Caller,
    before: changes.Act | None = None,
) -> tuple[int, bool]:
    """A message with a file, as messages.send: (message id, whether it was sent before).

    With a key that was used before for the same file nothing is done. Raises what messages.send and
    pictures.cleaned do, AttachmentTooLarge, AttachmentsUsedUp, AttachmentNotAllowed, StorageFull, Overloaded.
    """
    settings = runtime.settings
    messages.count(runtime, user, caller)
    text = texts.checked(upload.text, "message", MAX_CHARACTERS, shortest=0)
    name = attachments.name_of(upload.name)
    size, beginning, digest = runtime.drawing.call(lambda: _measured(upload))

    def look(db: Connection) -> int | None:
        """The id of the same one, if it was sent before."""
        row = sessions.of_user(db, chat_session_id, user.id)
        sent = messages.sent_before(db, chat_session_id, user.id, "", key, digest)
        if sent is None and row["status"] == "ended":
            raise SessionEnded(receipt=sessions.receipt_address(settings, chat_session_id))
        return sent

    sent = runtime.database.read(look)
    if sent is not None:
        return sent, True
    if size > settings.attachment_bytes:
        raise AttachmentTooLarge(f"It has {size} bytes; at most {settings.attachment_bytes} may be sent.")
    attachments.check_kind(settings, name, beginning)
    while True:
        try:
            made = runtime.drawing.call(lambda: attachments.make(settings, runtime.blobs, upload.file, name))
            contents = [each for each in (made.content, made.thumbnail) if each]
            runtime.blobs.share(contents)
        except FileNotFoundError:  # Taken away in between, as another message's.
            continue
        except OSError as error:
            runtime.storage_trouble.tell(error)
            raise StorageFull from error

        def keep(db: Connection, message_id: int, made: Made = made, contents: list[str] = contents) -> None:
            taken = store.attachments.bytes_of_user(db, user.id) + made.bytes
            if 0 < settings.attachment_bytes_per_user < taken:
                raise AttachmentsUsedUp(f"At most {settings.attachment_bytes_per_user} bytes.")
            # Nobody takes it away from here on, until this is committed: see attachments.clear.
            if not all(runtime.blobs.has(db, each) for each in contents):
                raise _Gone
            store.attachments.insert(db, message_id, user.id, digest, made._asdict())

        try:
            return messages.store_new(
                runtime, user, chat_session_id, text or made.name, key, before, keep, digest=digest
            )
        except _Gone:
            continue


def _measured(upload: Upload) -> tuple[int, bytes, str]:
    """Its bytes, the first of them, and a digest of all that was sent."""
    digest = sha256(f"{upload.name}\0{upload.text}\0".encode(errors="surrogatepass"))
    upload.file.seek(0)
    beginning, size = b"", 0
    while piece := upload.file.read(PIECE_BYTES):
        beginning = beginning or piece[:12]
        size += len(piece)
        digest.update(piece)
    return size, beginning, digest.hexdigest()
