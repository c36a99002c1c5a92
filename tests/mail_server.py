"""A mail server, to which mails really go: aiosmtpd, on a port of its own."""

import asyncio
import queue
import re
import socket
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.client import TIMEOUT_SECONDS


@dataclass
class Mail:
    """What arrived, for whom it was said to be, and what is in it."""

    sender: str
    recipients: list[str]
    message: EmailMessage
    was_encrypted: bool

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def link(self) -> str:
        """The token of the link to a password or an account, the same in both parts."""
        (token,) = set(re.findall(r"/links/([\w-]{32})", self.text + self.html))
        return str(token)

    def _part(self, kind: str) -> str:
        body = self.message.get_body((kind,))
        assert body is not None
        return str(body.get_content())


class MailServer:
    """Use it with `with`. `refusals` is what it says to the next recipients instead of taking them."""

    def __init__(
        self, tls: ssl.SSLContext | None = None, password: str = "", takes_utf8: bool = True
    ) -> None:
        self.refusals: deque[str] = deque()
        self.is_silent_at_the_end = False
        self._mails: defaultdict[str, queue.Queue[Mail]] = defaultdict(queue.Queue)
        self._options: dict[str, Any] = {"enable_SMTPUTF8": takes_utf8, "hostname": "mail.example.org"}
        if tls:
            self._options |= {"tls_context": tls}
        if password:
            self._password = password.encode()
            self._options |= {"auth_required": True, "authenticator": self._authenticate}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._held = _bound(0)
        self.port: int = self._held.getsockname()[1]

    def __enter__(self) -> "MailServer":
        self._thread.start()
        self.come_back()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_away()
        self._held.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def come_back(self, implicit: ssl.SSLContext | None = None) -> None:
        """Listen; with TLS from the first byte on, or without."""

        async def listen() -> asyncio.Server:
            return await self._loop.create_server(
                lambda: SMTP(self, loop=self._loop, **self._options), sock=self._held, ssl=implicit
            )

        self._server = self._do(listen())

    def go_away(self) -> None:
        """The port stays ours, and refuses who comes."""

        async def close() -> None:
            self._server.close()
            for task in asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        self._do(close())
        self._held = _bound(self.port)

    def url(self, user: str = "", scheme: str = "smtp", options: str = "?tls=none") -> str:
        """As the setting wants it."""
        return f"{scheme}://{user}127.0.0.1:{self.port}{options}"

    def next(self, to: str) -> Mail:
        """The next one to this address, once it is there."""
        return self._mails[to].get(timeout=TIMEOUT_SECONDS)

    def has_none(self, to: str) -> bool:
        """Whether no more has come to this address."""
        return self._mails[to].empty()

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.refusals:
            return self.refusals.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        is_encrypted = server.transport.get_extra_info("ssl_object") is not None
        mail = Mail(envelope.mail_from, envelope.rcpt_tos, message, is_encrypted)
        for each in envelope.rcpt_tos:
            self._mails[each].put(mail)
        return "250 Taken"

    async def handle_QUIT(self, server: SMTP, session: Any, envelope: Any) -> str:
        if self.is_silent_at_the_end:
            await asyncio.Event().wait()
        return "221 Bye"

    async def handle_exception(self, error: Exception) -> str:
        return f"421 {type(error).__name__}"

    def _authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, given: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=given.password == self._password, handled=False)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_SECONDS)


def _bound(port: int) -> socket.socket:
    """It has the port, and nobody gets in before it listens."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """For 127.0.0.1: what the server shows, and the file by which others trust it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    public, both = folder / "public.pem", folder / "both.pem"
    public.write_bytes(made.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    both.write_bytes(private + public.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, public
