"""Readers that poll or listen, and the record of what was sent and what arrived."""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import orjson

from bench.client import Answer, Connection, Pool, get, post
from bench.server import Session
from bench.streams import EventStream, Stream, WebSocket

SIDES = ("client", "agent")
# How a reader gets its messages; without a stream it polls.
TRANSPORTS: dict[str, type[Stream] | None] = {"poll": None, "sse": EventStream, "ws": WebSocket}
# Readers that open at a time, and in a second: 10,000 take a poll's 25 s, and so come back evenly,
# as they would after hours; opened faster, they return in a wave.
OPENING = 200
OPENED_PER_SECOND = 400
# After the last poll has been written: the server has yet to begin to hold it.
SETTLE_SECONDS = 1.0
DRAIN_SECONDS = 30.0
# How often one reader polls, and fails to, before it gives up.
MOST_POLLS = 1_000_000
MOST_FAILURES = 20
RETRY_SECONDS = 1.0


class Record:
    """What was sent, what was acknowledged, and how long each answer and each delivery took."""

    def __init__(self) -> None:
        self.sent_at: dict[str, float] = {}
        self.acknowledged: defaultdict[int, list[int]] = defaultdict(list)
        self.latencies: list[float] = []
        self.answers: list[float] = []
        self.sends = 0
        self.polls = 0
        self.refused = 0
        self.errors: Counter[str] = Counter()
        self._numbers = itertools.count(1)

    def next_text(self) -> str:
        """A message that is like no other."""
        return f"{next(self._numbers)}: Bonjour, avez-vous bien reçu mon dernier document ?"

    def acknowledge(self, chat_session_id: int, message_id: int) -> None:
        """The server has taken this message."""
        self.acknowledged[chat_session_id].append(message_id)
        self.sends += 1

    def counts(self) -> dict[str, int]:
        """What there is so far, for a Meter."""
        return {"sends": self.sends, "deliveries": len(self.latencies), "poll answers": self.polls}

    def delivery(self) -> dict[str, float]:
        """Percentiles of the deliveries, in ms."""
        if not self.latencies:
            raise RuntimeError("no message was delivered")
        return _percentiles("delivery", self.latencies)

    def answer(self) -> dict[str, float]:
        """Percentiles of the sends' answers, in ms."""
        return _percentiles("answer", self.answers)

    def mistakes(self, readers: "list[Reader]") -> dict[str, float]:
        """What must be 0: every reader gets each acknowledged message once and in order."""
        found: Counter[str] = Counter()
        for reader in readers:
            received = set(reader.received)
            found["lost"] += len(set(self.acknowledged[reader.session.id]) - received)
            found["doubled"] += len(reader.received) - len(received)
            found["out of order"] += sum(b < a for a, b in itertools.pairwise(reader.received))
        return {**found, "polls refused": self.refused, **self.error_counts()}

    def error_counts(self) -> dict[str, float]:
        """How many there were, and of which kinds."""
        return {
            "errors": self.errors.total(),
            **{f"- {kind}": n for kind, n in self.errors.items()},
        }


def _percentiles(of: str, seconds: list[float]) -> dict[str, float]:
    ms = sorted(each * 1000 for each in seconds)
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {f"{of} {name} ms": ms[min(len(ms) - 1, int(len(ms) * share))] for name, share in shares.items()}


class Reader:
    """One party of a session: polls, and polls again at once with the id of the last message.

    With `transport` it listens to such a stream instead.
    """

    def __init__(
        self,
        port: int,
        session: Session,
        side: str,
        record: Record,
        transport: type[Stream] | None = None,
    ) -> None:
        self.session = session
        self.last_id = 0
        self.received: list[int] = []
        self._port = port
        self._token = session.tokens[side]
        self._record = record
        self._transport = transport
        self._cursor = 0
        self._connection: Connection | None = None
        self._stream: Stream | None = None
        self._awaited: tuple[int, asyncio.Future[None]] | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> Connection:
        """Connect, and read what is there already."""
        self._connection = await Connection.open(self._port)
        self._take(await self._connection.request(self.request()))
        if self._transport is not None:
            self._connection.close()
            await self._open_stream(self._transport)
        return self._connection

    def start(self) -> None:
        """Poll or listen from now on."""
        self._task = asyncio.create_task(self._go_on())

    def close(self) -> None:
        """Stop that."""
        if self._task is not None:
            self._task.cancel()
        if self._stream is not None:
            self._stream.close()
        if self._connection is not None:
            self._connection.close()

    async def send(self, pool: Pool, text: str) -> int:
        """Send a message and return its id; raises OSError when the server did not take it."""
        connection = await pool.take()
        answer = await connection.request(self.message(text))
        pool.put(connection)
        if answer.status not in (200, 201):
            raise OSError(f"status {answer.status}")
        message_id: int = orjson.loads(answer.body)["messageId"]
        return message_id

    async def has(self, message_id: int) -> None:
        """Wait until this message has arrived."""
        if self.last_id < message_id:
            arrived = asyncio.get_running_loop().create_future()
            self._awaited = (message_id, arrived)
            await arrived

    def request(self, query: str = "") -> bytes:
        """A GET of what is newer than the last message."""
        path = f"/api/chat/messages/{self.session.id}?lastMessageId={self.last_id}{query}"
        return get(path, self._token)

    def message(self, text: str) -> bytes:
        """A POST of a message."""
        body = orjson.dumps({"chat_session_id": self.session.id, "message": text})
        return post("/api/chat/message", self._token, body)

    async def _go_on(self) -> None:
        failures = 0
        for _ in range(MOST_POLLS):
            try:
                pause = await (self._listen(self._transport) if self._transport else self._poll())
            except OSError as error:
                self._record.errors[f"{'stream' if self._transport else 'poll'}: {error}"] += 1
                pause = RETRY_SECONDS
                failures += 1
                if failures == MOST_FAILURES:
                    return
            if pause:
                await asyncio.sleep(pause)

    async def _poll(self) -> float:
        """One long poll; returns the seconds to stay away."""
        if self._connection is None or not self._connection.is_open:
            self._connection = await Connection.open(self._port)
        answer = await self._connection.request(self.request("&longPoll=true"))
        self._record.polls += 1
        if self._take(answer):
            return 0.0
        self._record.refused += 1
        return answer.retry_after or RETRY_SECONDS

    async def _listen(self, transport: type[Stream]) -> float:
        """One stream until it ends, which is an error."""
        if self._stream is None or self._stream.closed.done():
            await self._open_stream(transport)
        assert self._stream is not None
        raise OSError(await self._stream.closed)

    async def _open_stream(self, transport: type[Stream]) -> None:
        query = f"{self.session.id}?cursor={self._cursor}"
        self._stream = await transport.open(self._port, query, self._token, self._take_message)

    def _take(self, answer: Answer) -> bool:
        """Note what has come; whether the server held the poll. Raises OSError for an error."""
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        content = orjson.loads(answer.body)
        for message in content["messages"]:
            self._take_message(message, answer.arrived)
        self._cursor = content.get("cursor", 0)
        return bool(content["longPolling"])

    def _take_message(self, message: dict[str, Any], arrived: float) -> None:
        self.last_id, self._cursor = message["id"], message.get("revision", 0)
        self.received.append(self.last_id)
        sent_at = self._record.sent_at.get(message["message"])
        if sent_at is not None:
            self._record.latencies.append(arrived - sent_at)
        if self._awaited is not None and self.last_id >= self._awaited[0]:
            if not self._awaited[1].done():
                self._awaited[1].set_result(None)
            self._awaited = None


# How a reader is made: of a port, a session, a side and a record.
Make = Callable[[int, Session, str, Record], Reader]


@asynccontextmanager
async def polling(
    port: int,
    sessions: list[Session],
    record: Record,
    make: Make = Reader,
) -> AsyncIterator[list[Reader]]:
    """Both parties of every session, their polls or streams held; the last messages arrive before it ends."""
    readers = [make(port, session, side, record) for session in sessions for side in SIDES]
    gate = asyncio.Semaphore(OPENING)

    async def open_one(number: int, reader: Reader) -> None:
        await asyncio.sleep(number / OPENED_PER_SECOND)
        async with gate:
            await reader.open()
        reader.start()

    await asyncio.gather(*itertools.starmap(open_one, enumerate(readers)))
    await asyncio.sleep(SETTLE_SECONDS)
    try:
        yield readers
        await _drain(readers, record)
    finally:
        for reader in readers:
            reader.close()


async def _drain(readers: list[Reader], record: Record) -> None:
    """Wait until every reader is up to date, but not for ever."""
    newest = {session_id: max(ids) for session_id, ids in record.acknowledged.items()}
    deadline = perf_counter() + DRAIN_SECONDS
    while perf_counter() < deadline:
        if all(reader.last_id >= newest.get(reader.session.id, 0) for reader in readers):
            return
        await asyncio.sleep(0.05)
