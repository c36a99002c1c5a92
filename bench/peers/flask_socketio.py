"""Flask-SocketIO, with long polling only: a room per session, and an acknowledgement per message.

As https://flask-socketio.readthedocs.io/en/latest/deployment.html has it for gunicorn and gevent.
"""

from typing import Any

from flask import Flask, session
from flask_socketio import SocketIO, emit, join_room

from bench.peers import store

app = Flask(__name__)
app.secret_key = "bench"
socketio = SocketIO(app, async_mode="gevent", transports=["polling"], allow_upgrades=False)


@socketio.on("connect")
def connect(auth: dict[str, Any]) -> None:
    """A party of a session says which."""
    session.update(auth)
    join_room(auth["chat_session_id"])


@socketio.on("message")
def send(message: str) -> int:
    """Store a message and tell both parties; its id is the acknowledgement."""
    chat_session_id, sender_type = session["chat_session_id"], session["sender_type"]
    message_id = store.insert(chat_session_id, sender_type, message)
    told = {"id": message_id, "sender_type": sender_type, "message": message}
    emit("message", told, to=chat_session_id)
    return message_id
