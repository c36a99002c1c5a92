"""The same contract in memory, without a framework: its figures are what the load client itself can do.

`python -m bench.peers.lean PORT`. A request arrives in one piece, because the load client sends it so.
"""

import json
import re
import select
import socket
import sys
from collections import defaultdict
from contextlib import suppress

PATH = re.compile(rb"/messages/(\d+)\?lastMessageId=(\d+)(&longPoll)?")


class Lean:
    """Messages by session, and the polls that wait for more."""

    def __init__(self) -> None:
        self.messages: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
        self.waiters: defaultdict[int, list[socket.socket]] = defaultdict(list)
        self.last_id = 0

    def take(self, request: bytes, client: socket.socket) -> None:
        """Answer a request, or hold it."""
        if request.startswith(b"POST"):
            self.send(request.partition(b"\r\n\r\n")[2], client)
        elif found := PATH.search(request):
            self.fetch(int(found[1]), int(found[2]), bool(found[3]), client)
        else:
            answer(client, b"404 Not Found", b"{}")

    def send(self, body: bytes, client: socket.socket) -> None:
        """Tell the sender, and all who wait."""
        sent = json.loads(body)
        chat_session_id = sent["chat_session_id"]
        self.last_id += 1
        message = b'{"id":%d,"message":%s}' % (self.last_id, json.dumps(sent["message"]).encode())
        self.messages[chat_session_id].append((self.last_id, message))
        answer(client, b"201 Created", b'{"success":true,"messageId":%d}' % self.last_id)
        for waiter in self.waiters.pop(chat_session_id, ()):
            answer(waiter, b"200 OK", page([message], is_held=True))

    def fetch(self, chat_session_id: int, last_id: int, is_held: bool, client: socket.socket) -> None:
        """What is newer, at once or as soon as there is any."""
        found = []
        for message_id, message in reversed(self.messages[chat_session_id]):
            if message_id <= last_id:
                break
            found.append(message)
        if is_held and not found:
            self.waiters[chat_session_id].append(client)
        else:
            answer(client, b"200 OK", page(found[::-1], is_held))


def page(messages: list[bytes], is_held: bool) -> bytes:
    """The body of an answer."""
    return b'{"messages":[%s],"longPolling":%s}' % (b",".join(messages), b"true" if is_held else b"false")


def answer(client: socket.socket, status: bytes, body: bytes) -> None:
    """It always fits into the system's buffer."""
    with suppress(OSError):  # Who waited may have left.
        client.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


def serve(port: int) -> None:
    """Until it is killed."""
    lean, events, clients = Lean(), select.epoll(), {}
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    events.register(listener, select.EPOLLIN)
    while True:
        for number, _ in events.poll():
            if number == listener.fileno():
                client = listener.accept()[0]
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = client
                events.register(client, select.EPOLLIN)
            elif request := received(clients[number]):
                lean.take(request, clients[number])
            else:
                clients.pop(number).close()


def received(client: socket.socket) -> bytes:
    """A request, or nothing from a client that has left."""
    with suppress(ConnectionResetError):
        return client.recv(65_536)
    return b""


if __name__ == "__main__":
    serve(int(sys.argv[1]))
