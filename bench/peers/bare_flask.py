"""A bare Flask view: what Flask and gunicorn take before anything is done. The POST stores its message."""

from typing import Any

from flask import Flask, request

from bench.peers import store

app = Flask(__name__)


@app.get("/api/chat/messages/<int:chat_session_id>")
def fetch(chat_session_id: int) -> dict[str, Any]:
    """Always the same."""
    return {"messages": [], "session": {"status": "active"}, "longPolling": False}


@app.post("/api/chat/message")
def send() -> tuple[dict[str, Any], int]:
    """Store a message."""
    sent = request.get_json()
    return {
        "success": True,
        "messageId": store.insert(sent["chat_session_id"], "client", sent["message"]),
    }, 201
