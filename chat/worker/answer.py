"""From a request to its answer: the environment that WSGI asks for, and the bytes that come of it."""

from functools import lru_cache
from time import monotonic, time
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi

from chat.worker.connection import Connection, Request

# These have no HTTP_ before them.
PLAIN = ("CONTENT_TYPE", "CONTENT_LENGTH")
# Fields with few values, which are nobody's secret; those of them that have been checked.
ALIKE = {
    *("Content-Type", "Cache-Control", "Vary", "Retry-After"),
    *("X-Content-Type-Options", "Content-Security-Policy", "Cross-Origin-Resource-Policy"),
}
KNOWN: set[tuple[str, str]] = set()
MOST_KNOWN = 200


class Answer(wsgi.Response):
    """gunicorn's, whose head and first piece of the body leave together."""

    _head = b""
    headers_sent: bool

    def default_headers(self) -> list[str]:
        """As gunicorn has them, but for its name, and for what goes without saying."""
        how = "upgrade" if self.upgrade else "close" if self.should_close() else "keep-alive"
        minor = self.req.version[1]
        number = self.req.id
        head = [f"HTTP/1.{minor} {self.status}\r\nDate: {_date(int(time()))}\r\nX-Request-Id: {number}\r\n"]
        if how != "keep-alive" or not minor:
            head.append(f"Connection: {how}\r\n")
        return [*head, "Transfer-Encoding: chunked\r\n"] if self.chunked else head

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """As gunicorn does, which looks at each letter; but once at what all answers have."""
        new = [field for field in headers if field not in KNOWN]
        self.headers += [field for field in headers if field in KNOWN]
        super().process_headers(new)
        if len(KNOWN) < MOST_KNOWN:
            KNOWN.update(field for field in new if field[0] in ALIKE)

    def send_headers(self) -> None:
        """With what comes next."""
        if not self.headers_sent:
            fields = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
            self._head = f"{''.join(self.default_headers())}{fields}\r\n".encode("latin-1")
            self.headers_sent = True

    def write(self, arg: bytes) -> None:
        """A piece of the body; of an empty one the head."""
        super().write(arg)
        self._flush(b"")

    def close(self) -> None:
        """The end."""
        super().close()
        self._flush(b"")

    def sendfile(self, respiter: Any) -> bool:
        """It would not know of the head."""
        return False

    def _emit_body(self, data: bytes) -> None:
        self._flush(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def _flush(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if data := head + data:
            began = monotonic()
            try:
                # Most goes at once, and sendall would ask how large the buffer is.
                sent = self.sock.send(data)
                if sent < len(data):
                    self.sock.sendall(data[sent:])
            finally:
                self.req.waited += monotonic() - began


def environ(base: dict[str, Any], connection: Connection, request: Request) -> dict[str, Any]:
    """What PEP 3333 asks for, and the `chat.connection`; `base` is the same for all requests of a worker."""
    environ: dict[str, Any] = base | {
        "REQUEST_METHOD": request.method,
        "RAW_URI": request.uri,
        "PATH_INFO": util.unquote_to_wsgi_str(request.path) if "%" in request.path else request.path,
        "QUERY_STRING": request.query,
        "SERVER_PROTOCOL": f"HTTP/1.{request.version[1]}",
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": request.body,
        "chat.connection": connection,
    }
    peer = connection.address
    if isinstance(peer, tuple):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = peer[0], str(peer[1])
    else:
        environ["REMOTE_ADDR"] = peer if isinstance(peer, str) else ""
    for name, value in request.headers:
        key = name.replace("-", "_")
        if key not in PLAIN:
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(base["SCRIPT_NAME"])
    return environ


def is_below(path: str, prefix: str) -> bool:
    """Whether the path of a request begins with all names of the prefix."""
    return not prefix or f"{path}/".startswith(f"{prefix}/")


def base_environ(cfg: Any, name: Any, prefix: str) -> dict[str, Any]:
    """What all requests of a worker have, whose first listener has this name, below the prefix."""
    host, port = name[:2] if isinstance(name, tuple) else ("localhost", 0)
    return {
        **wsgi.base_environ(cfg),
        "wsgi.multithread": True,
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SCRIPT_NAME": prefix,
    }


@lru_cache(1)
def _date(now: int) -> str:
    date: str = util.http_date(now)
    return date
