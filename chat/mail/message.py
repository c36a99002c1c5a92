"""A mail as it is sent: its headers, and what it says as text and as HTML."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, Template

from chat import clock, texts
from chat.settings import Settings

# Nothing that means something to RFC 5321 or 5322, quoted or not.
PLAIN = re.compile(r"[^\s<>()\[\]@,;:\"\\]+@[^\s<>()\[\]@,;:\"\\]+")

_FOLDER = Path(__file__).parents[2] / "templates"


class Letter(NamedTuple):
    """What a mail says. `facts` are pairs of a label and a value, `button` and `off` of a label and an
    address."""

    to: str
    language: str
    subject: str
    paragraphs: Sequence[str]
    button: tuple[str, str]
    facts: Sequence[tuple[str, str]] = ()
    footer: str = ""
    off: tuple[str, str] | None = None


def message(settings: Settings, letter: Letter, unique: str) -> EmailMessage:
    """Sent again for the same `unique` thing it has the same id, by which mailboxes know it again; with
    another link in it, another.

    Raises ValueError for an address that is none.
    """
    found = EmailMessage(SMTP)
    name, own = parseaddr(settings.mail_from)
    found["From"] = Address(name, *own.rsplit("@", 1))
    found["To"] = Address("", *address(letter.to).rsplit("@", 1))
    # A name is in one line already; here a second one would be a header.
    found["Subject"] = re.sub(f"{texts.CONTROL.pattern}+", " ", letter.subject)
    found["Date"] = datetime.fromtimestamp(clock.wall() // 1000, UTC)
    found["Message-ID"] = f"<{_id(unique, letter)}@{urlsplit(settings.url).hostname}>"
    # No machine answers it, as out of office (RFC 3834).
    found["Auto-Submitted"] = "auto-generated"
    found.set_content(_text(letter), cte="quoted-printable")
    found.add_alternative(_template().render(letter=letter), subtype="html", cte="quoted-printable")
    # Of the whole, and so after its parts.
    found["Content-Language"] = letter.language
    return found


def _id(unique: str, letter: Letter) -> str:
    return sha256(f"{unique} {letter.button[1]}".encode()).hexdigest()[:32]


def sender(settings: Settings) -> str:
    """The address alone."""
    return parseaddr(settings.mail_from)[1]


def address(email: str) -> str:
    """Somebody's, as mail servers take it: a domain in letters of other scripts as the DNS has it.

    Raises ValueError for what would be two, or none, among commands and headers.
    """
    if not PLAIN.fullmatch(email):
        raise ValueError(f"{email!r} is no plain address")
    user, _, domain = email.rpartition("@")
    return f"{user}@{domain.encode('idna').decode()}"


def _text(letter: Letter) -> str:
    facts = "\n".join(f"{name} · {value}" for name, value in letter.facts)
    blocks = [*letter.paragraphs, facts, "\n".join(letter.button), "-- \n" + letter.footer]
    return "\n\n".join(filter(None, blocks)) + ("\n" + "\n".join(letter.off) if letter.off else "") + "\n"


@cache
def _template() -> Template:
    return Environment(loader=FileSystemLoader(_FOLDER), autoescape=True).get_template("mail.html")
