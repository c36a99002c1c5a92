"""One request to somebody else's server, on a native thread."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPMessage
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

LARGEST_ANSWER = 1_000_000


class NotPublic(OSError):
    """The address is one of this machine's, or of its network."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: HTTPMessage
    body: bytes


def exchange(
    method: str,
    url: str,
    content: bytes | None,
    headers: Mapping[str, str],
    seconds: float,
    only_public: bool = False,
) -> Answer:
    """On a connection of its own, within so many seconds; a redirect is an answer.

    `only_public` is for addresses that people give us: the machine that answers to the name, and not the
    name, decides. Raises OSError (NotPublic), ValueError, HTTPException.
    """
    to = urlsplit(url)
    with closing(HTTPConnection(to.netloc, timeout=seconds)) as connection:
        connection.sock = sock = _connected(to, seconds, only_public)
        with at_most(seconds, lambda: sock):
            connection.request(method, to._replace(scheme="", netloc="").geturl(), content, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read(LARGEST_ANSWER))


def _connected(to: SplitResult, seconds: float, only_public: bool) -> socket.socket:
    """With TLS where the scheme says so, to one of the addresses that were looked at."""
    is_safe = to.scheme == "https"
    host, port = to.hostname or "", to.port or (443 if is_safe else 80)
    problem = OSError(f"{host} has no address")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        there = str(address[0])
        if only_public and not _is_public(there):
            raise NotPublic(f"{host} is at {there}")
        try:
            sock = socket.create_connection((there, port), seconds)
        except OSError as error:
            problem = error
            continue
        return ssl.create_default_context().wrap_socket(sock, server_hostname=host) if is_safe else sock
    raise problem


def _is_public(text: str) -> bool:
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast


@contextmanager
def at_most(seconds: float, find: Callable[[], socket.socket | None]) -> Iterator[None]:
    """The time-out of a socket is that of each step; this is the end of all: who reads sees it.

    `find` gives the socket, which may be another one by then.
    """

    def cut() -> None:
        with suppress(OSError):
            if sock := find():
                sock.shutdown(socket.SHUT_RDWR)

    end = threading.Timer(seconds, cut)
    end.daemon = True
    end.start()
    try:
        yield
    finally:
        end.cancel()
