"""Sends over WebSockets, beside sends by POST."""

from argparse import Namespace
from functools import partial

from bench import measures
from bench.client import Pool
from bench.meter import Figures, sends_ratios, side_by_side
from bench.readers import Make, Reader, Record
from bench.server import Server, Session, fresh_database
from bench.streams import WebSocket


class SocketSender(Reader):
    """Listens to a WebSocket, and sends over the same one."""

    def __init__(self, port: int, session: Session, side: str, record: Record) -> None:
        super().__init__(port, session, side, record, WebSocket)

    async def send(self, pool: Pool, text: str) -> int:
        """Send a message and return its id; raises OSError when the server did not take it."""
        assert isinstance(self._stream, WebSocket)
        message_id: int = (await self._stream.ask({"do": "send", "message": text}))["messageId"]
        return message_id


# All listen to WebSockets: only how they send differs.
MAKES: dict[str, Make] = {"POST": partial(Reader, transport=WebSocket), "ws": SocketSender}


def sockets(options: Namespace) -> Figures:
    """`burst` between WebSockets, with sends by POST and over them in turn."""
    found: dict[str, Figures] = {}
    for name, make in MAKES.items():
        with (
            fresh_database(options.sessions) as (database, sessions),
            Server(database, options.worker_class, 2 * len(sessions)) as server,
        ):
            found[name] = measures.run(measures.burst(options, server, sessions, make), options.seconds)
    return side_by_side(found) | sends_ratios(found["POST"], found["ws"], "ws/POST")
