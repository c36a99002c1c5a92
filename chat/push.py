"""Devices that take pushes (RFC 8030), and what is carried to them: encrypted for the device (RFC 8291), and
signed with the key of this database (RFC 8292)."""

import hmac
import json
import logging
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from http.client import HTTPException
from urllib.parse import urlsplit

from chat import clock, notices, store
from chat.accounts import User
from chat.database import native
from chat.database.connection import Connection
from chat.errors import Forbidden, InvalidParameter, NotFound, existing
from chat.notices import Note
from chat.outbox import Later
from chat.providers.exchange import Answer, NotPublic, exchange
from chat.runtime import Runtime
from chat.store.rows import OutboxRow, PushRow

# What an endpoint may be: a name, which is looked up when something is sent. No push service has a port.
ENDPOINT = re.compile(r"https://([A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]*(:443)?/[!-~]*")
ANYWHERE = re.compile(r"https?://[A-Za-z0-9._:\[\]-]+/[!-~]*")
LONGEST_ENDPOINT = 1000
# Of one user: an older one is forgotten.
DEVICES = 10
# A page that is looked at says so this often, and is believed for a little longer.
LOOKING_MS = 30_000
SECONDS = 10.0
THREADS = 8
SIGNED_SECONDS = 12 * 3600
# The length of what is encrypted tells little.
PADDED = 512

log = logging.getLogger(__name__)


def public_key(runtime: Runtime) -> str:
    """As browsers want it."""
    return runtime.database.read(store.push.keys)[1]


def subscribe(
    runtime: Runtime,
    user: User,
    endpoint: str,
    p256dh: str,
    auth: str,
    site: str,
    language: str,
    replaces: str | None = None,
) -> bool:
    """Whether the device is new; `replaces` is what it had before.

    Raises Forbidden, InvalidParameter, NotFound.
    """
    if user.role == "admin":
        raise Forbidden("Only clients and agents are told of something.")
    pattern = ANYWHERE if runtime.settings.push_anywhere else ENDPOINT
    if len(endpoint) > LONGEST_ENDPOINT or not pattern.fullmatch(endpoint):
        raise InvalidParameter("endpoint must be the https address of a push service.", field="endpoint")
    point, secret = _point(p256dh), _decoded(auth, 16, "keys.auth")

    def write(db: Connection) -> bool:
        if store.push.is_other(db, endpoint, point, secret):
            raise InvalidParameter("keys are not those of this endpoint.", field="keys")
        if replaces is not None and not store.push.delete_own(db, user.id, replaces):
            raise NotFound
        now = store.server.now(db)
        is_new = store.push.save(db, user.token_hash, endpoint, point, secret, site, language, now=now)
        store.push.keep_newest(db, user.id, DEVICES)
        return is_new

    return runtime.database.write(write)


def unsubscribe(runtime: Runtime, user: User, endpoint: str) -> None:
    """Nothing is sent there any more; not an error when nothing was."""
    runtime.database.write(lambda db: store.push.delete_own(db, user.id, endpoint))


def send_test(runtime: Runtime, user: User, endpoint: str) -> None:
    """Something to see whether it arrives; raises NotFound."""

    def write(db: Connection) -> None:
        device_id, now = existing(store.push.own_id(db, user.id, endpoint)), store.server.now(db)
        payload = json.dumps({"kind": "test", "at": now})
        store.outbox.put(db, "push", str(device_id), "test", payload, now, now + 60_000)

    runtime.database.write(write)


def look(runtime: Runtime, user: User, page: str, is_looking: bool) -> None:
    """A page of this sign-in is looked at, or is not any more."""

    def write(db: Connection) -> None:
        until = store.server.now(db) + LOOKING_MS if is_looking else 0
        store.tokens.look(db, user.token_hash, page, until)

    runtime.database.write(write)


class Carrier:
    """Carries pushes of the outbox."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._pool = native.Pool(THREADS, THREADS)

    def __call__(self, row: OutboxRow) -> None:
        """Raises Later."""
        found = self._runtime.database.read(lambda db: self._found(db, row))
        if found is None:
            return
        device, note, private_key = found
        host = urlsplit(device["endpoint"]).hostname
        try:
            answer = self._pool.call(lambda: self._send(device, note, private_key))
        except (OSError, ValueError, HTTPException) as error:
            if isinstance(error, NotPublic):
                log.error("Nothing is pushed to a private address: %s", error)
                return self._forget(device)
            raise Later(f"{host} does not answer: {type(error).__name__}") from None
        if answer.status in (404, 410):
            self._forget(device)
        elif answer.status in (408, 429) or answer.status >= 500:
            raise Later(f"{host} answers {answer.status}", answer.retry_after())
        elif answer.status >= 300:
            log.error("%s refuses a push: %d %r", host, answer.status, answer.body[:200])

    def _found(self, db: Connection, row: OutboxRow) -> tuple[PushRow, Note, bytes] | None:
        device = store.push.by_id(db, int(row["target"]), store.server.now(db))
        note = device and notices.note(db, self._runtime.settings, device, row["payload"])
        return (device, note, store.push.keys(db)[0]) if device and note else None

    def _forget(self, device: PushRow) -> None:
        self._runtime.database.write(lambda db: store.push.delete(db, device["id"]))

    def _send(self, device: PushRow, note: Note, private_key: bytes) -> Answer:
        """On a native thread."""
        settings = self._runtime.settings
        to = urlsplit(device["endpoint"].lower())
        host = to.netloc.removesuffix(":443") if to.scheme == "https" else to.netloc
        contact = settings.push_contact or f"https://{device['site']}"
        headers = {
            "Authorization": _authorization(private_key, f"{to.scheme}://{host}", contact),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(note.ttl),
            "Urgency": "high" if note.is_urgent else "normal",
            "Topic": _encoded(hmac.digest(device["auth"], note.topic.encode(), "sha256")[:24]),
        }
        content = _encrypted(device, _content(note, device["language"]))
        return exchange("POST", device["endpoint"], content, headers, SECONDS, not settings.push_anywhere)


def _content(note: Note, language: str) -> bytes:
    """What static/js/service-worker.js reads; spaces hide how long it is."""
    content = {
        "title": note.title,
        "body": note.body,
        "path": note.path,
        "tag": f"tete-a-tete:{note.topic.partition(':')[2] or note.topic}",
        "language": language,
        "is_silent": note.is_silent,
        "is_urgent": note.is_urgent,
        "badge": note.badge,
    }
    written = json.dumps(content, ensure_ascii=False).encode()
    return written.ljust(-(-len(written) // PADDED) * PADDED)


def _encrypted(device: PushRow, content: bytes) -> bytes:
    # Here, and not at each start: they take 35 ms.
    import http_ece
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    sealed: bytes = http_ece.encrypt(
        content, private_key=key, dh=device["p256dh"], auth_secret=device["auth"], version="aes128gcm"
    )
    return sealed


def _authorization(private_key: bytes, audience: str, contact: str) -> str:
    from py_vapid import Vapid02

    claims = {"aud": audience, "exp": clock.wall() // 1000 + SIGNED_SECONDS, "sub": contact}
    signer = Vapid02.from_raw(_encoded(private_key).encode())
    signer.conf = {"no-strict": True}  # It takes no host without a dot for a contact.
    return str(signer.sign(claims)["Authorization"])


def _point(text: str) -> bytes:
    """Of the curve; raises InvalidParameter."""
    from cryptography.hazmat.primitives.asymmetric import ec

    point = _decoded(text, 65, "keys.p256dh")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise InvalidParameter("keys.p256dh is no point of P-256.", field="keys.p256dh") from None
    return point


def _decoded(text: str, length: int, field: str) -> bytes:
    """Of base64url; raises InvalidParameter."""
    plain = text.rstrip("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", plain) or len(plain) * 3 // 4 != length:
        raise InvalidParameter(f"{field} must be {length} bytes in base64url.", field=field)
    return urlsafe_b64decode(f"{plain}==")


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).decode().rstrip("=")
