"""SQL only: a module for each noun, whose functions take a connection first: `store.sessions.by_id(db, 45)`."""

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
