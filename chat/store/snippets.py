"""What is shown of a message that was found: so many words around those that were looked for.

SQLite's index cuts them out itself; this is the same for one that does not
(https://sqlite.org/fts5.html#the_snippet_function).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Around what matches; no character of any text.
OPEN, CLOSE = "\ufdd0", "\ufdd1"
WORDS_SHOWN = 24
# What a beginning is worth beside phrases: the first mention of one, each other one, a sentence, the text.
FIRST, AGAIN, SENTENCE, START = 1000, 1, 100, 120
_SENTENCE = re.compile(r"[.:][ \t\n\r]+\Z")


class Match(NamedTuple):
    """A phrase, by number, from one word to before another."""

    start: int
    phrase: int
    end: int


def snippet(text: str, spans: Sequence[tuple[int, int]], matches: Sequence[Match]) -> str:
    """`spans` are the places of all words in the text; matches are in order."""
    first = _best(text, spans, matches)
    last = min(first + WORDS_SHOWN, len(spans))
    at = spans[first][0] if first else 0
    parts = ["…"] if first else []
    for start, end in _merged(matches):
        if first <= start < last:
            begins, ends = spans[start][0], spans[min(end, last) - 1][1]
            parts += (text[at:begins], OPEN, text[begins:ends], CLOSE)
            at = ends
    return "".join((*parts, text[at:] if last == len(spans) else text[at : spans[last - 1][1]] + "…"))


def _best(text: str, spans: Sequence[tuple[int, int]], matches: Sequence[Match]) -> int:
    """At which word it begins."""
    if len(spans) <= WORDS_SHOWN:
        return 0
    sentences = [
        number
        for number, (start, _) in enumerate(spans)
        if number == 0 or _SENTENCE.search(text[spans[number - 1][1] : start])
    ]
    starts = [each.start for each in matches]

    def inside(first: int) -> Sequence[Match]:
        return matches[bisect_left(starts, first) : bisect_left(starts, first + WORDS_SHOWN)]

    best, found = 0, 0
    for match in matches:
        near = inside(match.start)
        if (worth := _worth(near)) > best:
            around = match.start - (WORDS_SHOWN - (near[-1].end - match.start)) // 2
            best, found = worth, max(0, min(around, len(spans) - WORDS_SHOWN))
        sentence = sentences[bisect_right(sentences, match.start) - 1]
        worth = _worth(inside(sentence)) + (SENTENCE if sentence else START)
        if sentence < match.start and worth > best:
            best, found = worth, sentence
    return found


def _worth(matches: Sequence[Match]) -> int:
    phrases = {each.phrase for each in matches}
    return FIRST * len(phrases) + AGAIN * (len(matches) - len(phrases))


def _merged(matches: Sequence[Match]) -> Iterator[tuple[int, int]]:
    """From which word to before which: those that overlap as one."""
    open_at, until = -1, 0
    for start, _, end in matches:
        if open_at >= 0 and start >= until:
            yield open_at, until
            open_at = -1
        if open_at < 0:
            open_at, until = start, end
        until = max(until, end)
    if open_at >= 0:
        yield open_at, until
