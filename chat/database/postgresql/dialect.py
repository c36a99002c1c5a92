"""SQL as the store writes it, and as PostgreSQL reads it.

What both engines speak is written once, in chat/store; functions that only SQLite has are made in
functions.sql. What is left has another spelling here.
"""

import re
from functools import lru_cache

# How the few words are spelled that mean the same.
WORDS = {
    # 64 bits in SQLite.
    "INTEGER": "BIGINT",
    # In SQLite it fixes the order of the tables; there is always an ON.
    "CROSS JOIN": "JOIN",
    # All of them.
    "LIMIT -1": "LIMIT ALL",
    "json_object": "json_build_object",
}
# What neither placeholders nor words are looked for in comes first.
_TOKEN = re.compile(
    rf"""
      (?P<kept> '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | :: )
    | (?P<comment> /\*.*?\*/ )
    | \?(?P<number>\d*)
    | :(?P<name>[A-Za-z_]\w*)
    | (?P<hint>\s INDEXED\ BY\ \w+ )
    | (?<!\w)(?P<word>{"|".join(map(re.escape, WORDS))})(?!\w)
    """,
    re.DOTALL | re.VERBOSE,
)
# Different statements at a time: some have numbers written out.
KEPT = 4096


@lru_cache(KEPT)
def translate(sql: str) -> tuple[str, tuple[str, ...] | None]:
    """The statement with `$1`, `$2`…, and by name what goes in their places; None where that has positions.

    Placeholders are `?`, `?1` or `:name`, of one kind in a statement.
    """
    names: list[str] = []
    highest = 0

    def replaced(token: re.Match[str]) -> str:
        nonlocal highest
        if name := token["name"]:
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"
        if (number := token["number"]) is not None:
            position = int(number or highest + 1)
            highest = max(highest, position)
            return f"${position}"
        if token["word"]:
            return WORDS[token["word"]]
        return token["kept"] or ""

    statement = _TOKEN.sub(replaced, sql)
    return statement, None if highest else tuple(names)
