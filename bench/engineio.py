"""A reader that speaks Engine.IO 4 over long polling, and in it Socket.IO 5.

https://github.com/socketio/engine.io-protocol, https://github.com/socketio/socket.io-protocol: a payload is
packets, between them the character 30; `0` opens, `2` is a ping and `3` its answer, `40` connects, `42` is an
event and `43` its acknowledgement.
"""

import asyncio
import itertools

import orjson

from bench.client import HOST, Answer, Connection, Pool
from bench.readers import Reader

PATH = "/socket.io/?EIO=4&transport=polling"


class SocketReader(Reader):
    """One party of a session, which sends and hears by events; its last message is where it stands."""

    async def open(self) -> Connection:
        """Open, and connect as a party of the session."""
        self._path = PATH
        self._numbers = itertools.count(1)
        self._acknowledged: dict[int, asyncio.Future[int]] = {}
        connection = self._connection = await Connection.open(self._port)
        opened = await self._asked(connection, self._get())
        self._path = f"{PATH}&sid={orjson.loads(opened[1:])['sid']}"
        party = {"chat_session_id": self.session.id, "sender_type": self._token}
        await self._asked(connection, self._post(b"40" + orjson.dumps(party)))
        if not (await self._asked(connection, self._get())).startswith(b"40"):
            raise OSError("not connected")
        return connection

    async def send(self, pool: Pool, text: str) -> int:
        """Send a message and return its id, which the server acknowledges in an answer to a poll."""
        number = next(self._numbers)
        acknowledged: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._acknowledged[number] = acknowledged
        connection = await pool.take()
        await self._asked(connection, self._post(b"42%d" % number + orjson.dumps(["message", text])))
        pool.put(connection)
        return await acknowledged

    async def _poll(self) -> float:
        """One long poll; returns no seconds to stay away."""
        if self._connection is None or not self._connection.is_open:
            self._connection = await Connection.open(self._port)
        answer = await self._connection.request(self._get())
        self._record.polls += 1
        for packet in _content(answer).split(b"\x1e"):
            if packet == b"2":
                await self._asked(self._connection, self._post(b"3"))
            else:
                self._take_packet(packet, answer.arrived)
        return 0.0

    def _take_packet(self, packet: bytes, arrived: float) -> None:
        content_at = packet.find(b"[")
        kind, content = packet[:2], orjson.loads(packet[content_at:]) if content_at > 0 else []
        if kind == b"42":
            self._take_message(content[1], arrived)
        elif kind == b"43":
            self._acknowledged.pop(int(packet[2:content_at])).set_result(content[0])
        else:
            raise OSError(f"packet {packet!r}")

    async def _asked(self, connection: Connection, request: bytes) -> bytes:
        return _content(await connection.request(request))

    def _get(self) -> bytes:
        return f"GET {self._path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()

    def _post(self, payload: bytes) -> bytes:
        head = (
            f"POST {self._path} HTTP/1.1\r\nHost: {HOST}\r\n"
            f"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        return head.encode() + payload


def _content(answer: Answer) -> bytes:
    """Its payload; raises OSError for an error."""
    if answer.status != 200:
        raise OSError(f"status {answer.status}: {answer.body[:80]!r}")
    return answer.body
