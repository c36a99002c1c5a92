"""A client's connection, and the requests that come in on it: llhttp reads them, nobody waits for them.

What a field may be is gunicorn's policy, and so are the limits of a head.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from io import BytesIO
from typing import Any

from gunicorn.http.errors import ExpectationFailed
from gunicorn.http.message import HeaderPolicy
from gunicorn.util import split_request_uri
from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from chat.worker.uploads import Refused, Upload, Uploads

READ_BYTES = 16_384
# Of a head, whatever its fields.
HEAD_BYTES = 65_536
# llhttp also takes several spaces, and versions that we do not speak.
REQUEST_LINE = re.compile(rb"(?:\r\n)?[A-Z-]+ [!-~]+ HTTP/1\.[01]\r\n")
# What a proxy may call a request, for its log and ours to be compared.
REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,127}")
# They tell a supervisor whether to end this process.
HEALTH = ("/healthz", "/readyz")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(HeaderPolicy):
    """One request, with what gunicorn's policy and `Response` ask of it.

    `status` is that of the answer where it can only be refused. With `must_close` it is the last one. Of one
    that is too long the rest is not read: it is not whole. `waited` are the seconds that nobody worked on it.
    """

    def __init__(self, cfg: Any, peer_addr: Any) -> None:
        self.cfg, self.peer_addr = cfg, peer_addr
        self.method, self.uri, self.path, self.query, self.version = "-", "", "", "", (1, 1)
        self.scheme = "http"
        self.headers: list[tuple[str, str]] = []
        self.body: BytesIO | Upload = BytesIO()
        self.must_close = False
        self.status = 0
        self.id, self.waited = "", 0.0
        self.has_head, self.is_whole = False, True

    def should_close(self) -> bool:
        """Asked when its answer begins."""
        return self.must_close

    def force_close(self) -> None:
        """No other request follows."""
        self.must_close = True

    def refuse(self, status: int) -> None:
        """The first reason counts."""
        self.status = self.status or status
        self.must_close = True

    def name(self, given: str) -> None:
        """As a proxy calls it that may; it is no part of what is asked, and each has another."""
        self.headers = [field for field in self.headers if field[0] != "X-REQUEST-ID"]
        if REQUEST_ID.fullmatch(given) and self._peer_is_trusted_proxy():
            self.id = given

    def head(self) -> bytes:
        """A digest of who sends it and of all that it says, but for the query, the length and the body."""
        host = self.peer_addr[0] if self.peer_addr else ""
        fields = [f"{name}:{value}" for name, value in self.headers if name != "CONTENT-LENGTH"]
        said = "\n".join([str(host), self.scheme, self.method, self.path, *fields])
        return blake2b(said.encode("latin-1"), digest_size=32).digest()

    @property
    def is_urgent(self) -> bool:
        """Whether it is answered before all others."""
        return self.path.endswith(HEALTH)


class Connection:
    """What has come in on a socket, in `requests` as soon as one is whole.

    Its methods named on_… are called by llhttp. While it `is_deaf` nothing more is read: what comes is no
    request. `is_closed` tells that the client has closed its side.
    """

    __slots__ = (
        "_begun",
        "_cfg",
        "_forwarded",
        "_head_bytes",
        "_max_body_bytes",
        "_parser",
        "_request",
        "_scheme_state",
        "_seen",
        "_target",
        "_tell_closed",
        "_uploads",
        "address",
        "fd",
        "is_busy",
        "is_closed",
        "is_deaf",
        "is_watched",
        "request",
        "requests",
        "sock",
    )

    def __init__(self, cfg: Any, sock: Any, address: Any, max_body_bytes: int, uploads: Uploads) -> None:
        self.sock, self.address, self.fd = sock, address, sock.fileno()
        self.requests: list[Request] = []
        # The one that is answered now.
        self.request: Request | None = None
        self.is_busy = self.is_closed = self.is_deaf = self.is_watched = False
        self._cfg, self._max_body_bytes, self._uploads = cfg, max_body_bytes, uploads
        # Between requests there is none: those who wait are many, and it takes 1 KB.
        self._parser: Any = None
        self._request: Request | None = None
        self._begun = self._target = b""
        self._head_bytes = 0
        self._forwarded: Any = None
        self._tell_closed: Callable[[], None] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a part of a request is there."""
        return self._request is not None or bool(self._begun.strip())

    @property
    def is_uploading(self) -> bool:
        """Whether what is there is a part of a file."""
        return self._request is not None and isinstance(self._request.body, Upload)

    def read(self) -> None:
        """What is there now; it waits for nothing."""
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.hear(data)
        else:
            self.is_closed = True

    def hear(self, data: bytes) -> None:
        """The next piece of what the client says."""
        if self.is_deaf:
            return
        if self._request is None:
            data, self._begun = self._begun + data, b""
            if not self._is_request_line(data):
                return
            self._head_bytes = 0
            self._parser = HttpRequestParser(self)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._begun, self.is_deaf = data[upgrade.args[0] :], True
            self.requests[-1].must_close = True
        except HttpParserError as error:
            self.fail(501 if isinstance(error, HttpParserInvalidMethodError) else 400)
        else:
            self._head_bytes += len(data)
            if self._request is None:
                self._parser = None
            elif not self._request.has_head and self._head_bytes > HEAD_BYTES:
                self.fail(431)

    def close(self) -> None:
        """For good; what leads back to it is let go, so that no collector has to find it."""
        for request in (*self.requests, self._request):
            if request is not None:
                request.body.close()
        self._parser = self._tell_closed = None
        self.sock.close()

    def take_over(self) -> bytes:
        """What the client has said after its request for another protocol; the rest is read by the caller."""
        begun, self._begun = self._begun, b""
        return begun

    def note_waited(self, seconds: float) -> None:
        """So much of the time of the request that is answered nobody worked."""
        if self.request is not None:
            self.request.waited += seconds

    def on_closed(self, tell: Callable[[], None] | None) -> None:
        """Call that once, when the client is gone."""
        self._tell_closed = tell
        if self.is_closed:
            self.tell_closed()

    def tell_closed(self) -> None:
        """To whoever asked."""
        tell, self._tell_closed = self._tell_closed, None
        if tell is not None:
            tell()

    def fail(self, status: int) -> None:
        """What has come of a request is answered with that, as the last one."""
        request = self._request or Request(self._cfg, self.address)
        # After the last one it does not matter what comes.
        if not (self.is_deaf or (self.requests and self.requests[-1].must_close)):
            request.refuse(status)
            self._finish(request)
        self._request, self.is_deaf = None, True

    def on_message_begin(self) -> None:
        self._request = None if self.is_deaf else Request(self._cfg, self.address)
        self._target, self._seen, self._scheme_state = b"", set[str](), [False]

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        request = self._request
        if request is None or request.status or request.has_head:  # The latter is a trailer.
            return
        size = len(name) + len(b": ") + len(value) + len(b"\r\n")
        if (
            len(request.headers) >= self._cfg.limit_request_fields
            or size > self._cfg.limit_request_field_size
        ):
            request.refuse(431)
        else:
            self._keep(request, name.upper().decode("latin-1"), value.decode("latin-1").strip(" \t"))

    def on_headers_complete(self) -> None:
        request = self._request
        if request is None:
            return
        request.method, request.uri = self._parser.get_method().decode(), self._target.decode("latin-1")
        request.has_head, request.version = True, (1, int(self._parser.get_http_version()[-1]))
        request.must_close = request.must_close or not self._parser.should_keep_alive()
        try:
            parts = split_request_uri(request.uri)
        except ValueError:
            request.refuse(400)
        else:
            request.path, request.query = parts.path or "", parts.query or ""
        fields = dict(request.headers)
        if "X-REQUEST-ID" in fields:
            request.name(fields["X-REQUEST-ID"])
        if "TRANSFER-ENCODING" in fields and request.version < (1, 1):
            request.refuse(400)  # A proxy may not have known of the chunks.
        if not request.status:
            self._expect_file(request)
        if request.status or int(fields.get("CONTENT-LENGTH", 0)) > self._most_bytes(request):
            self._end()
        elif request._expected_100_continue and not (self.is_busy or self.requests):
            request._expected_100_continue = False
            with suppress(OSError):
                os.write(self.fd, CONTINUE)

    def on_body(self, piece: bytes) -> None:
        request = self._request
        if request is not None:
            try:
                request.body.write(piece)
            except OSError:
                request.refuse(507)
            if request.status or request.body.tell() > self._most_bytes(request):
                self._end()

    def on_message_complete(self) -> None:
        if self._request is not None:
            self._finish(self._request)

    def _is_request_line(self, data: bytes) -> bool:
        """Whether a request begins here; the beginning of a line is kept until the rest has come."""
        start = len(b"\r\n") if data.startswith(b"\r\n") else 0
        end = data.find(b"\r\n", start)
        if (len(data) if end < 0 else end) - start > self._cfg.limit_request_line:
            self.fail(414)
        elif end < 0:
            self._begun = data
        elif REQUEST_LINE.match(data) is None:
            self.fail(400)
        else:
            return True
        return False

    def _keep(self, request: Request, name: str, value: str) -> None:
        """The field, unless it is one that nobody may send."""
        if self._forwarded is None:
            self._forwarded = request._peer_trusted_for_forwarded()
        try:
            kept = request._apply_header_policy(name, value, self._scheme_state, self._seen, *self._forwarded)
        except ExpectationFailed:
            request.refuse(417)
        except Exception:  # gunicorn's errors of a request have no class of their own.
            request.refuse(400)
        else:
            if kept is not None:
                request.headers.append(kept)

    def _expect_file(self, request: Request) -> None:
        """Where one may come, there is room for it."""
        try:
            request.body = self._uploads.begin(self, request) or request.body
        except Refused:
            request.refuse(503)
        except OSError:
            request.refuse(507)

    def _most_bytes(self, request: Request) -> int:
        return request.body.most_bytes if isinstance(request.body, Upload) else self._max_body_bytes

    def _end(self) -> None:
        """Read no more of it: it is answered as it is."""
        assert self._request is not None
        self._request.must_close, self._request.is_whole = True, False
        self._finish(self._request)
        self.is_deaf = True

    def _finish(self, request: Request) -> None:
        request.body.seek(0)
        self.requests.append(request)
        self._request = None
