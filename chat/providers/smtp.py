"""A mail, to the operator's mail server (RFC 5321): with TLS (RFC 3207, 8314), unless the setting says none.

On a native thread, and within so many seconds.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from email.message import EmailMessage
from typing import Literal
from urllib.parse import unquote, urlsplit

from chat.providers.exchange import at_most
from chat.settings import Settings

# RFC 6409 and 8314.
PORTS = {"smtp": 587, "smtps": 465}
LONGEST_REASON = 200

Stage = Literal["connect", "tls", "login", "send"]


class Away(Exception):
    """It cannot be sent now: the server, or the way to it, or what we say of ourselves is the cause."""

    def __init__(self, stage: Stage, why: str) -> None:
        super().__init__(why)
        self.stage = stage


class Refused(Exception):
    """The server takes no such mail, now or later."""


def send(settings: Settings, message: EmailMessage, sender: str, recipient: str) -> None:
    """Returns when the server has taken it. Raises Away, Refused."""
    with _session(settings) as client:
        try:
            client.send_message(message, sender, [recipient])
        except smtplib.SMTPNotSupportedError as error:
            raise Refused(f"the server takes no such address: {error}") from None
        except smtplib.SMTPRecipientsRefused as refused:
            raise _answered(*refused.recipients[recipient]) from None
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code, error.smtp_error) from None
        except (OSError, ValueError) as error:
            raise Away("send", _said(error)) from None


def check(settings: Settings) -> str:
    """Everything but a mail, and what the server says of itself. Raises Away."""
    with _session(settings) as client:
        version = client.sock.version() if isinstance(client.sock, ssl.SSLSocket) else "no TLS"
        who = "signed in" if urlsplit(settings.smtp_url).username else "nobody signs in"
        return f"{server(settings)} answers: {version}, {who}"


def server(settings: Settings) -> str:
    """Which one it is, without a secret."""
    to = urlsplit(settings.smtp_url)
    return f"{to.hostname}:{to.port or PORTS[to.scheme]}"


@contextmanager
def _session(settings: Settings) -> Iterator[smtplib.SMTP]:
    """Connected, encrypted, signed in. It says goodbye when nothing went wrong; no answer to that counts."""
    with _at(settings, "connect"):
        client = _connected(settings)
    with closing(client), at_most(settings.smtp_seconds, lambda: client.sock):
        to = urlsplit(settings.smtp_url)
        if to.scheme == "smtp" and not to.query:
            with _at(settings, "tls"):
                client.starttls(context=ssl.create_default_context())
        if to.username:
            with _at(settings, "login"):
                client.login(unquote(to.username), unquote(to.password or ""))
        yield client
        with suppress(OSError):
            client.quit()


def _connected(settings: Settings) -> smtplib.SMTP:
    to = urlsplit(settings.smtp_url)
    host, port, seconds = to.hostname or "", to.port or PORTS[to.scheme], settings.smtp_seconds
    # Or else this machine's name is looked up, which may take long.
    own = urlsplit(settings.url).hostname
    if to.scheme == "smtps":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, local_hostname=own, timeout=seconds, context=context)
    return smtplib.SMTP(host, port, local_hostname=own, timeout=seconds)


@contextmanager
def _at(settings: Settings, stage: Stage) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        at = "tls" if isinstance(error, ssl.SSLError) else stage
        raise Away(at, f"{server(settings)}: {_said(error)}") from None


def _answered(code: int, text: bytes | str) -> Away | Refused:
    """RFC 5321, 4.2.1: from 500 on it is for good."""
    said = f"{code} {_one_line(text)}"
    return Refused(said) if code >= 500 else Away("send", said)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_one_line(error.smtp_error)}"
    return f"{type(error).__name__}: {_one_line(str(error))}" if str(error) else type(error).__name__


def _one_line(text: bytes | str) -> str:
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(plain.split())[:LONGEST_REASON]
