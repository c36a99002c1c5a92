"""The chain of the books, and what they say, by what it is about."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, get_args

from chat import books, store
from chat.books import Content, Credited
from chat.database.connection import Connection
from chat.store.rows import BookRow, SealedKind

SEALED = get_args(SealedKind)


class Books:
    """What the books say."""

    def __init__(self) -> None:
        self.terms: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        self.shares: defaultdict[int, dict[int, int]] = defaultdict(dict)
        self.receipts: dict[int, tuple[int, Content]] = {}
        self.credits: defaultdict[int, list[Credited]] = defaultdict(list)
        self.rows: dict[str, dict[int, dict[str, Any]]] = {kind: {} for kind in SEALED}

    def take(self, row: BookRow) -> None:
        content, chat_session_id = books.read(row), row["chat_session_id"] or 0
        if row["kind"] == "terms":
            self.terms[chat_session_id].append(content)
        elif row["kind"] == "share":
            self.shares[chat_session_id][content["agent_id"]] = content["share_percent"]
        elif row["kind"] == "receipt":
            self.receipts[chat_session_id] = row["number"], content
        elif row["kind"] == "credit":
            self.credits[chat_session_id].append(content)
        else:
            # The last that was written of it counts.
            self.rows[row["kind"]][content["row"]["id"]] = content["row"]

    def sessions(self) -> set[int]:
        """Those that there must be."""
        return self.terms.keys() | self.receipts.keys() | self.credits.keys()


def differences(db: Connection, found: Books, since: str | None) -> Iterator[str]:
    """Each entry carries the hash of the one before, and none is missing."""
    before, sequence, numbers, issued_at, is_known = "", 0, Counter[str](), 0, not since
    for row in store.books.everything(db):
        sequence += 1
        numbers[row["kind"]] += 1
        name = f"books {row['sequence']}"
        if row["sequence"] != sequence:
            yield f"{name}: the one before has the number {sequence - 1}"
            sequence = row["sequence"]
        if row["hash"] != store.books.hash_of(row["content"]):
            yield f"{name}: its content has another hash"
        if row["previous_hash"] != before:
            yield f"{name}: it does not follow the one before"
        if row["number"] != numbers[row["kind"]]:
            yield f"{name}: the {row['kind']} before has another number than {row['number'] - 1}"
            numbers[row["kind"]] = row["number"]
        if row["issued_at"] < issued_at:
            yield f"{name}: it is older than the one before"
        before, issued_at = row["hash"], row["issued_at"]
        is_known = is_known or before == since
        found.take(row)
    if not is_known:
        yield f"books: they do not have the entry {since} any more; what was newer may be gone too"
