"""What counts as a word in a message: what SQLite's tokenizer `unicode61` takes for one.

search.sql finds the same words; a test compares the two over all characters.
"""

import re
import sys
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from unicodedata import category, normalize

# Accents over Latin letters are left out; those that make another letter of a Greek or Cyrillic one are not.
_ACCENTS = re.compile("([A-Za-z])[\u0300-\u036f]+")
_VARIANTS = str.maketrans("\u03c2\u00b5\u017f", "\u03c3\u03bcs")


class Lexeme(NamedTuple):
    """A word as it is looked for, and where it stands in the text."""

    word: str
    start: int
    end: int


def lexemes(text: str) -> list[Lexeme]:
    """All words of a text, in order."""
    found, start = [], 0
    for is_word, run in groupby(text, key=_may_be_in_word):
        end = start + len(list(run))
        if is_word:
            found += [Lexeme(word, start, end) for word in _words(text[start:end])]
        start = end
    return found


def letters() -> str:
    """All characters of words, as they stand in a class of PostgreSQL's regular expressions."""
    return _class(_is_letter)


def marks() -> str:
    """The same of those that chat.texts.folded leaves out."""
    return _class(lambda character: category(character) == "Mn")


def _words(run: str) -> list[str]:
    if run.isascii():
        return [run.lower()]
    plain = normalize("NFC", _ACCENTS.sub(r"\1", normalize("NFD", run))).lower().translate(_VARIANTS)
    return "".join(each if _is_letter(each) else " " for each in plain).split()


@lru_cache(10000)
def _may_be_in_word(character: str) -> bool:
    return _is_letter(character) or "\u0300" <= character <= "\u036f"


def _is_letter(character: str) -> bool:
    kind = category(character)
    return kind[0] in "LN" or kind == "Co"


def _class(is_in: Callable[[str], bool]) -> str:
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if is_in(chr(code)):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
