"""The index of messages in PostgreSQL: a GIN index over their words and where these stand.

It is in step with the messages at once but for new ones, which come into it some at a time as in SQLite; what
is gone from a message is never found again. Of whom a message may be found is in it too, as `@c12` and `@a5`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from chat.database.connection import Connection
from chat.database.postgresql.lexemes import lexemes
from chat.store.snippets import Match, snippet

ID = "search.message_id"
MATCHES = "search.words @@ CAST(:asked AS tsquery)"
# Of which `shown` makes it.
SNIPPET = "m.message"


def ready(db: Connection) -> None:
    """Let the planner see what is asked for: it takes another way to rare words than to common ones."""
    db.conn.execute("SET LOCAL plan_cache_mode = force_custom_plan")


def asked(words: Sequence[str], is_open: bool, reader: str) -> str:
    """In the language of tsquery; lexemes are letters and digits, so nothing in them is of it."""
    phrases = [[f"'{each.word}'" for each in lexemes(word)] for word in words]
    if is_open:
        phrases[-1][-1] += ":*"
    terms = [f"({' <-> '.join(phrase)})" for phrase in phrases if phrase]
    return " & ".join([*terms, f"'@{reader}'"] if reader else terms)


def shown(rows: Sequence[Any], words: Sequence[str], is_open: bool) -> list[Any]:
    """The same with what is shown of each message in the place of the whole."""
    phrases = [[each.word for each in lexemes(word)] for word in words]
    return [{**dict(row), "snippet": _snippet(row["snippet"], phrases, is_open)} for row in rows]


def _snippet(text: str, phrases: Sequence[Sequence[str]], is_open: bool) -> str:
    found = lexemes(text)
    matches = sorted(_matches([each.word for each in found], phrases, is_open))
    return snippet(text, [(each.start, each.end) for each in found], matches)


def _matches(words: Sequence[str], phrases: Sequence[Sequence[str]], is_open: bool) -> Iterator[Match]:
    places = defaultdict(list)
    for place, word in enumerate(words):
        places[word].append(place)
    for number, (*others, last) in enumerate(phrases):
        may_go_on = is_open and number == len(phrases) - 1
        for end in range(len(words)) if may_go_on else places[last]:
            start = end - len(others)
            if start >= 0 and words[start:end] == others and words[end].startswith(last):
                yield Match(start, number, end + 1)


def take(db: Connection, upto: int) -> None:
    """The next messages, up to this one."""
    db.conn.execute(
        """
        INSERT INTO search (message_id, words) SELECT id, words FROM searchable
        WHERE id > (SELECT searched_message_id FROM server) AND id <= ?
        """,
        (upto,),
    )


def begin_purge(db: Connection, pages: int) -> None:
    """Nothing is ever marked as gone."""


def purge(db: Connection, pages: int) -> bool:
    """There is nothing to do."""
    return False


def end_purge(db: Connection) -> None:
    """Nothing was begun."""
