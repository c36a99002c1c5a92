"""Who asks through a proxy."""

import os
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers
from werkzeug.http import parse_list_header
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


# What proxies say of the request that they pass on.
TOLD_BY_PROXIES = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


def told_by_proxies(headers: Headers) -> dict[str, str]:
    """Those of the headers that are there."""
    return {name: headers[name] for name in TOLD_BY_PROXIES if name in headers}


class Proxied:
    """A WSGI application that is told the client's address, where proxies say it that may.

    Those are whom gunicorn believes the scheme. X-Forwarded-Host nobody is believed: a proxy that does not
    set it passes on what the client wrote.
    """

    def __init__(self, application: "WSGIApplication", proxies: int) -> None:
        self._application, self._proxies = application, proxies
        self._told = ProxyFix(application, x_for=proxies, x_proto=0)
        # As gunicorn has it: a comma between addresses or networks, and * for everybody.
        allowed = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1").replace(" ", "").split(",")
        self._believes_all = "*" in allowed
        self._believed = [ip_network(each, strict=False) for each in allowed if each not in ("", "*")]

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """The application, or ProxyFix before it."""
        return (self._told if self._is_told(environ) else self._application)(environ, start_response)

    def client(self, environ: "WSGIEnvironment") -> str:
        """The address of who asks, as the application is told it."""
        told = parse_list_header(environ["HTTP_X_FORWARDED_FOR"]) if self._is_told(environ) else []
        if 0 < self._proxies <= len(told):
            return told[-self._proxies]
        return str(environ.get("REMOTE_ADDR", ""))

    def _is_told(self, environ: "WSGIEnvironment") -> bool:
        return "HTTP_X_FORWARDED_FOR" in environ and self._believes(environ.get("REMOTE_ADDR", ""))

    def _believes(self, peer: str) -> bool:
        """A socket of this machine has no address."""
        return self._believes_all or not peer or any(ip_address(peer) in each for each in self._believed)
