"""A form with a file: read on a native thread, the file to disk where it is not small."""

from collections.abc import Mapping
from os import SEEK_END
from typing import IO, Any, NamedTuple, cast

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from chat.errors import (
    AttachmentTooLarge,
    BodyTooLarge,
    InvalidParameter,
    InvalidRequest,
    NoForm,
    StorageFull,
)
from chat.runtime import Runtime

# Names of fields, words and what parts them: beside the file.
FORM_BYTES, FORM_PARTS = 65_536, 20
# Werkzeug counts what it has read and not looked at yet, too: 64 KiB.
MEMORY_BYTES = 2 * FORM_BYTES


class Form(NamedTuple):
    """What it brings; a file that nobody chose has no name, and nothing in it."""

    fields: Mapping[str, str]
    file: IO[bytes]
    name: str


def is_one() -> bool:
    """Whether the request brings such a form."""
    return request.mimetype == "multipart/form-data"


def form(runtime: Runtime) -> Form:
    """Its fields are also those of Flask's `request.form`.

    Raises NoForm, AttachmentTooLarge, BodyTooLarge, InvalidRequest, InvalidParameter, StorageFull, and
    Overloaded.
    """
    if not is_one():
        raise NoForm(f"Content-Type is {request.content_type or 'missing'}.")
    most, content = runtime.settings.attachment_bytes, request.environ["wsgi.input"]
    # Of a longer one the worker has read no more.
    content.seek(0, SEEK_END)
    if max(request.content_length or 0, content.tell()) > most + FORM_BYTES:
        raise AttachmentTooLarge(f"At most {most} bytes may be sent.")
    content.seek(0)
    mimetype, options = request.mimetype, request.mimetype_params
    parser = FormDataParser(
        cast(Any, lambda **_: runtime.blobs.spool()),
        max_form_memory_size=MEMORY_BYTES,
        max_form_parts=FORM_PARTS,
        silent=False,
    )
    try:
        _, fields, files = runtime.drawing.call(lambda: parser.parse(content, mimetype, None, options))
    except RequestEntityTooLarge:
        raise BodyTooLarge(f"Beside the file at most {FORM_BYTES} bytes, in {FORM_PARTS} parts.") from None
    except OSError as error:
        runtime.storage_trouble.tell(error)
        raise StorageFull from error
    except ValueError as error:
        raise InvalidRequest(f"The form cannot be read: {error}.") from None
    request.__dict__["form"] = fields  # As Werkzeug keeps what it has read itself.
    sent = files.getlist("file")
    if len(sent) != 1:
        raise InvalidParameter(f"Send one file, as the part `file`; there are {len(sent)}.", field="file")
    return Form(fields, cast(IO[bytes], sent[0].stream), sent[0].filename or "")
