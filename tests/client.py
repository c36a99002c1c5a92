"""People who speak HTTP, each request on a connection of its own."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from tests import described
from tests.threads import join, start

TIMEOUT_SECONDS = 120
_open: set[http.client.HTTPConnection] = set()
_waiting: list[threading.Thread] = []


class Tls(tuple[str, int]):
    """An address where TLS is spoken, with a certificate that `context` trusts."""

    context: ssl.SSLContext


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def texts(self) -> list[str]:
        """What its messages say."""
        return [message["message"] for message in self.json["messages"]]


class Client:
    """One person, who signs in with a bearer token."""

    patience_seconds: float = TIMEOUT_SECONDS

    def __init__(self, address: tuple[str, int], token: str | None = None, user_id: int = 0) -> None:
        self.address = address
        self.token = token
        self.id = user_id

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Any request; header names are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token and "Cookie" not in sent:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        connection = connection_to(self.address, self.patience_seconds)
        _open.add(connection)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            _open.discard(connection)
            connection.close()
        described.check(method, path, answer)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)

    def post(self, path: str, content: Any = None, **headers: str) -> Answer:
        body = None if content is None else json.dumps(content)
        return self.request("POST", path, body, Content_Type="application/json", **headers)

    def pay(self, path: str, content: Any) -> Answer:
        """A write that moves money, with a key of its own."""
        return self.post(path, content, Idempotency_Key=uuid4().hex)

    def fetch(self, chat_session_id: object, **query: object) -> Answer:
        """GET messages, with the query as it is written."""
        return self.get(f"/api/chat/messages/{chat_session_id}?{urlencode(query)}")

    def poll(self, chat_session_id: int, **query: object) -> "Future[Answer]":
        """The same, held by the server, while this goes on."""
        return self._begin(lambda: self.fetch(chat_session_id, longPoll="true", **query))

    def ask(self, **what: object) -> dict[str, Any]:
        """The session that the server makes of this request; one to any agent is at any rate."""
        at_most = {} if "agent_id" in what else {"max_rate": 1000}
        return self.post("/api/chat/sessions", {**at_most, **what}).json["session"]

    def agree(self, chat_session_id: int, **offer: object) -> Answer:
        """To the transfer that is offered, or to this one."""
        offer = offer or self.show(chat_session_id)["transfer"]
        return self.do("transfer/agree", chat_session_id, **offer)

    def do(self, transition: str, chat_session_id: int, **content: object) -> Answer:
        """Accept, end, pause, …"""
        return self.post(f"/api/chat/sessions/{chat_session_id}/{transition}", content)

    def show(self, chat_session_id: int) -> dict[str, Any]:
        """The session as it is."""
        return self.get(f"/api/chat/sessions/{chat_session_id}").json["session"]

    def inbox(self, **query: object) -> Answer:
        """GET the inbox."""
        return self.get(f"/api/chat/sessions?{urlencode(query)}")

    def await_inbox(self, cursor: int, **query: object) -> "Future[Answer]":
        """The same, held by the server."""
        return self._begin(lambda: self.inbox(cursor=cursor, longPoll="true", **query))

    def await_session(self, chat_session_id: int, is_so: Callable[[dict[str, Any]], bool]) -> "Future[Any]":
        """The session when it is so, held by the server until then, again and again."""

        def follow() -> Any:
            answer = self.fetch(chat_session_id).json
            while not is_so(answer["session"]):
                answer = self.fetch(chat_session_id, cursor=answer["cursor"], longPoll="true").json
            return answer["session"]

        return self._begin(follow)

    def send(self, chat_session_id: int, message: str, **more: object) -> Answer:
        return self.post(
            "/api/chat/message", {"chat_session_id": chat_session_id, "message": message, **more}
        )

    def _begin(self, request: Callable[[], Any]) -> "Future[Any]":
        future, thread = start(request)
        _waiting.append(thread)
        return future


def connection_to(address: tuple[str, int], seconds: float = TIMEOUT_SECONDS) -> http.client.HTTPConnection:
    """Not open yet; nobody waits longer than so long for the next byte."""
    if isinstance(address, Tls):
        return http.client.HTTPSConnection(*address, timeout=seconds, context=address.context)
    return http.client.HTTPConnection(*address, timeout=seconds)


def cut() -> None:
    """Whom a test has left waiting waits no longer."""
    for connection in _open.copy():
        if connection.sock:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
    join(_waiting)
    _waiting.clear()


@dataclass
class Conversation:
    """An active session: two people in it, and the id of its newest message at the start."""

    id: int
    client: Client
    agent: Client
    emails: dict[str, str]

    def settle(self) -> int:
        """Both have all messages and that is stored: now nothing happens by itself. Returns the last id."""
        last = self.last_id
        for who in (self.client, self.agent):
            who.fetch(self.id, lastMessageId=last)
        cursor, session = 0, {"client_delivered_id": 0, "agent_delivered_id": 0}
        while min(session["client_delivered_id"], session["agent_delivered_id"]) < last:
            answer = self.agent.fetch(self.id, cursor=cursor, longPoll="true").json
            cursor, session = answer["cursor"], answer["session"]
        return last

    @property
    def last_id(self) -> int:
        return int(self.client.fetch(self.id).json["messages"][-1]["id"])
