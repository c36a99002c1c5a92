"""Addresses in what people write, as links; static/js/messages/links.js finds the same ones.

Python and browsers differ in what `\\b`, `\\s` and a case are, so none of them is used here.
"""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

# What ends an address: blanks and controls; quotes and brackets that no address has; what is not seen or
# turns text around, for it would lead elsewhere than it reads; the punctuation of Chinese and Japanese.
_END = (
    r"\x00-\x20\x7f-\xa0"
    r"\x22<>\\\x60\u00ab\u00bb\u201a-\u201f\u2039\u203a"
    r"\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200b\u200e\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff"
    r"\u3000-\u3004\u3008-\u3020\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_ADDRESS = re.compile(
    r"((?<![A-Za-z0-9_])[Hh][Tt][Tt][Pp][Ss]?://|(?<![A-Za-z0-9_@./-])[Ww][Ww][Ww]\.)" + f"([^{_END}]+)"
)
_CLOSES = {")": "(", "]": "[", "}": "{"}
# Belongs to the sentence, where an address ends with it.
_TRAILING = ".,;:!?'([{\u2018\u2019\u2026\u060c\u061b\u061f\u0964"
# What a host begins with: no sign of ASCII but the bracket of an IPv6 address.
_HOST = re.compile(r"[A-Za-z0-9\[\x80-\U0010ffff]")
# With a direction of its own, whatever turns around what it stands in.
_MARKUP = Markup('<a dir="ltr" href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>')


def linked(text: str) -> Markup:
    """The text, escaped, with its addresses as links."""
    parts, end = [], 0
    for start, shown, address in _found(text):
        parts += [escape(text[end:start]), _MARKUP.format(address, shown)]
        end = start + len(shown)
    return Markup("").join([*parts, escape(text[end:])])


def _found(text: str) -> Iterator[tuple[int, str, str]]:
    """Where each address begins, what is shown of it, and where it leads."""
    end = 0
    while found := _ADDRESS.search(text, end):
        prefix, rest = found[1], _trimmed(found[2])
        end = found.end(1) + len(rest)
        if _HOST.match(rest):
            scheme = "https://www." if prefix.lower() == "www." else prefix.lower()
            yield found.start(), prefix + rest, scheme + rest


def _trimmed(rest: str) -> str:
    """Up to a bracket that closes none of its own, and without what belongs to the sentence."""
    opened: list[str] = []
    for index, each in enumerate(rest):
        if each in _CLOSES.values():
            opened.append(each)
        elif each in _CLOSES and (not opened or opened.pop() != _CLOSES[each]):
            rest = rest[:index]
            break
    return rest.rstrip(_TRAILING)
