"""A push service and the devices behind it: what a real one checks, and what a browser decrypts (RFC 8188,
8291, 8292), written down here a second time."""

import json
import queue
import secrets
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.client import TIMEOUT_SECONDS, Client

DAY_SECONDS = 86_400
CURVE = ec.SECP256R1()


class Push(NamedTuple):
    """What arrived: its headers, what its signature claims, with which key, and what the device reads."""

    headers: dict[str, str]
    claims: dict[str, Any]
    key: str
    content: dict[str, Any]
    size: int


class Device:
    """One browser's subscription. `answers` is what its service says to the next ones: (status, headers)."""

    def __init__(self, service: "PushService", name: str) -> None:
        self._service = service
        self._key = ec.generate_private_key(CURVE)
        self._auth = secrets.token_bytes(16)
        self.pushes: queue.Queue[Push] = queue.Queue()
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.endpoint = f"{service.url}/push/{name}"

    @property
    def subscription(self) -> dict[str, Any]:
        """As a browser's `toJSON()` gives it."""
        keys = {"p256dh": encoded(_point(self._key.public_key())), "auth": encoded(self._auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def next(self) -> Push:
        """The next push, once it is there."""
        return self.pushes.get(timeout=TIMEOUT_SECONDS)

    def upto(self, about: object) -> list[Push]:
        """All until the next one about this conversation, or the test: other requests ring, too."""
        found = [self.next()]
        while found[-1].content["tag"] != f"tete-a-tete:{about}":
            found.append(self.next())
        return found

    def decrypt(self, body: bytes) -> bytes:
        """One record of aes128gcm, for this device."""
        salt, record_size, length = body[:16], int.from_bytes(body[16:20]), body[20]
        point, sealed = body[21 : 21 + length], body[21 + length :]
        assert length == 65 and len(sealed) <= record_size and len(body) <= 4096
        shared = self._key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point))
        info = b"WebPush: info\0" + _point(self._key.public_key()) + point
        secret = _derived(shared, self._auth, info, 32)
        key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
        text, mark, padding = AESGCM(key).decrypt(nonce, sealed, None).rpartition(b"\2")
        assert mark and not padding.strip(b"\0")
        return text


class PushService:
    """Use it with `with`."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        # What went wrong in a request, which is answered with 400.
        self.problems: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"service": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "PushService":
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def device(self, who: Client | None = None, **headers: str) -> Device:
        """A new one, on which somebody wants to be told."""
        name = secrets.token_urlsafe(16)
        device = self.devices[f"/push/{name}"] = Device(self, name)
        if who:
            answer = who.post("/api/chat/push/subscribe", device.subscription, **headers)
            assert answer.status == 201, answer.body
        return device

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        """What a push service does with a push."""
        device = self.devices[path]
        claims, key = self._check(headers["authorization"])
        assert headers["content-encoding"] == "aes128gcm"
        assert 0 <= int(headers["ttl"]) <= DAY_SECONDS
        assert headers["urgency"] in ("very-low", "low", "normal", "high")
        assert 1 <= len(headers["topic"]) <= 32 and decoded(headers["topic"])
        status, more = device.answers.popleft() if device.answers else (201, {})
        content = json.loads(device.decrypt(body))
        device.pushes.put(Push(headers, claims, key, content, len(body)))
        return status, more

    def _check(self, authorization: str) -> tuple[dict[str, Any], str]:
        """RFC 8292: it is signed with the key that is told, for us, and not for long."""
        scheme, _, rest = authorization.partition(" ")
        assert scheme == "vapid"
        values = dict(each.strip().split("=", 1) for each in rest.split(","))
        head, claims, signature = values["t"].split(".")
        assert json.loads(decoded(head)) == {"typ": "JWT", "alg": "ES256"}
        raw = decoded(signature)
        key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, decoded(values["k"]))
        signed = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        key.verify(signed, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
        found = json.loads(decoded(claims))
        assert found["aud"] == self.url
        assert time.time() < found["exp"] <= time.time() + DAY_SECONDS
        return found, values["k"]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    service: PushService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            status, more = self.service.take(self.path, headers, body)
        except Exception as error:
            self.service.problems.append(repr(error))
            status, more = 400, {}
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def encoded(content: bytes) -> str:
    """In base64url, without the end that says nothing."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """Of base64url."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


# Of no device.
SOME_KEYS = {
    "p256dh": encoded(_point(ec.derive_private_key(1, CURVE).public_key())),
    "auth": encoded(bytes(16)),
}
