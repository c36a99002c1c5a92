"""SQL only: a module for each noun, whose functions take a connection first."""

from chat.store import (
    archive,
    demo,
    inbox,
    intervals,
    ledger,
    links,
    messages,
    replies,
    revision,
    server,
    sessions,
    statistics,
    tokens,
    users,
)

__all__ = [
    "archive",
    "demo",
    "inbox",
    "intervals",
    "ledger",
    "links",
    "messages",
    "replies",
    "revision",
    "server",
    "sessions",
    "statistics",
    "tokens",
    "users",
]
