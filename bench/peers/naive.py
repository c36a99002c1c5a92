"""The naive design: whoever waits looks into the database every 500 ms."""

import time
from typing import Any

from flask import Flask, request

from bench.peers import store

HOLD_SECONDS = 25.0
LOOK_SECONDS = 0.5

app = Flask(__name__)


@app.get("/api/chat/messages/<int:chat_session_id>")
def fetch(chat_session_id: int) -> dict[str, Any]:
    """What is newer, at once or as soon as there is any."""
    last_id = request.args.get("lastMessageId", 0, int)
    is_held = request.args.get("longPoll") == "true"
    deadline = time.monotonic() + HOLD_SECONDS
    while not (messages := store.since(chat_session_id, last_id)) and is_held and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return {"messages": messages, "session": {"status": "active"}, "longPolling": is_held}


@app.post("/api/chat/message")
def send() -> tuple[dict[str, Any], int]:
    """Store a message."""
    sent = request.get_json()
    sender_type = request.headers["Authorization"].removeprefix("Bearer ")
    message_id = store.insert(sent["chat_session_id"], sender_type, sent["message"])
    return {"success": True, "messageId": message_id}, 201
