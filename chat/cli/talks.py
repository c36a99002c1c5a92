"""Conversations: which there are, what is said in one. Looking on is no sign of life of anybody."""

import time
from typing import Any, get_args

import click

from chat import archive, audit, clock, indexing, messages, store, texts
from chat.accounts import User
from chat.cli.group import Refused, as_json, chat, or_fail, runtime, show
from chat.database.connection import Connection
from chat.errors import existing
from chat.store.rows import Message, SessionRow, Status

STATUSES: tuple[Status, ...] = get_args(Status)
PAGE = 100


@chat.command("sessions")
@click.option("--status", type=click.Choice(STATUSES))
@click.option(
    "--of",
    "text",
    default="",
    help="Only where these words are all in a person's name and email, or all in a message.",
)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@as_json
def list_sessions(status: str | None, text: str, limit: int, as_json: bool) -> None:
    """Print the newest chat sessions: id, when, status, client and agent."""

    def read(db: Connection) -> list[SessionRow]:
        if text:
            audit.note(db, None, "searched")
        return archive.looked_for(db, text, status, 2**63 - 1, limit)

    found = runtime().database
    if text:
        indexing.catch_up(runtime())
    show((_columns(row) for row in (found.write(read) if text else found.read(read))), as_json)


@chat.command()
@click.argument("session_id", type=click.IntRange(1))
@click.argument("text")
@click.option("--as", "side", type=click.Choice(["client", "agent"]), default="client", show_default=True)
def send(session_id: int, text: str, side: str) -> None:
    """Write a message into a chat session; it says nothing of whether its writer is there."""
    row = _session(session_id)
    user_id = row["client_id"] if side == "client" else row["agent_id"]
    if user_id is None:
        raise Refused(f"chat session {session_id} has no {side}")
    sender = User(user_id, side, "", b"")

    def note(db: Connection, message_id: int) -> None:
        audit.note(db, None, "message_sent", sender.id, session_id, str(message_id))

    message_id, _ = or_fail(
        lambda: messages.send(runtime(), sender, session_id, text, None, note=note, is_there=False)
    )
    click.echo(message_id)


@chat.command()
@click.argument("session_id", type=click.IntRange(1))
@click.option("--after", "last_id", type=click.IntRange(0), default=0, help="Begin after this id.")
def tail(session_id: int, last_id: int) -> None:
    """Print a chat session's messages as they come, until it ends; it is as if nobody looked."""
    found = runtime()
    _session(session_id)
    found.database.write(lambda db: audit.note(db, None, "transcript_read", chat_session_id=session_id))

    def read(db: Connection) -> tuple[SessionRow, list[Message]]:
        return existing(store.sessions.by_id(db, session_id)), store.messages.since(
            db, session_id, last_id, PAGE
        )

    while True:
        row, new = found.database.read(read)
        for message in new:
            text = "\n    ".join(texts.lines(message["message"])) or "(deleted)"
            click.echo(f"{message['created_at']}  {message['sender_name']}: {text}")
            last_id = message["id"]
        if not new and row["status"] == "ended":
            click.echo("The session has ended.")
            return
        if len(new) < PAGE:
            time.sleep(found.settings.check_interval_seconds)


def _session(session_id: int) -> SessionRow:
    row = runtime().database.read(lambda db: store.sessions.by_id(db, session_id))
    if row is None:
        raise Refused(f"there is no chat session {session_id}")
    return row


def _columns(row: SessionRow) -> dict[str, Any]:
    return {
        "id": row["id"],
        "created_at": clock.text(row["created_at"]),
        "status": row["status"],
        "client": row["client_name"],
        "agent": row["agent_name"],
    }
