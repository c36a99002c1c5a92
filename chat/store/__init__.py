"""SQL only: one module a noun, whose functions take a connection first, as `store.sessions.by_id(db, 45)`."""

from chat.store import (
    archive,
    attempts,
    books,
    demo,
    inbox,
    intervals,
    ledger,
    links,
    messages,
    payments,
    payouts,
    remarks,
    replies,
    revision,
    server,
    sessions,
    statistics,
    tokens,
    users,
)
