"""Texts that people give: what of them can be seen, and what is stored.

Two that look the same must be the same (Unicode's NFC), and nothing that cannot be seen may pass for a text,
or turn one around.
"""

import re
from unicodedata import category, normalize

from chat.errors import InvalidParameter

# Line breaks too.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What shows nothing by itself: spaces and controls; Unicode's category Cf, but for the signs before numbers;
# its Default_Ignorable_Code_Point, those that are not assigned, too; blanks of Braille, of musical notation
# and of hieroglyphs. As it stands in a class of a regular expression, of Python and of ECMAScript.
UNSEEN = (
    "\0-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U00013438"
    "\U00013441\U00013442\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_UNSEEN = re.compile(f"[{UNSEEN}]")
_SEEN = re.compile(f"[^{UNSEEN}]")
# Join or part letters and emoji, choose how one is drawn, and tell flags apart: they belong to a text.
_JOINERS = re.compile(
    "[\u034f\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
)


def is_blank(text: str) -> bool:
    """Whether there is nothing in it to be seen."""
    return _SEEN.search(text) is None


def checked(text: str, field: str, longest: int, shortest: int = 1) -> str:
    """The text as it is stored, without blanks around it; raises InvalidParameter.

    One that shows nothing is empty, and that is acceptable where `shortest` is 0.
    """
    trimmed = "" if is_blank(text) else text.strip()
    if not shortest <= len(trimmed) <= longest:
        raise InvalidParameter(
            f"{field} must have {shortest} to {longest} characters, some to be seen; it has {len(trimmed)}.",
            field=field,
        )
    if "\0" in trimmed:
        raise InvalidParameter(f"{field} must not contain the character NUL.", field=field)
    return trimmed


def name(text: str) -> str:
    """A name as it is stored, in one line, and as it is seen: raises InvalidParameter.

    What nobody sees is left out, not refused: it comes along with a paste. Turned around by U+202E, a name
    would read as another's, and so would what comes after it.
    """
    if CONTROL.search(text.strip()):
        raise InvalidParameter("name must be in one line", field="name")
    kept = (each for each in text if not _UNSEEN.match(each) or each.isspace() or _JOINERS.match(each))
    return checked(normalize("NFC", "".join(kept)), "name", 100)


def email(text: str) -> str:
    """How an email is stored, and looked for."""
    return normalize("NFC", normalize("NFC", text.strip()).lower())


def folded(text: str) -> str:
    """As it is searched: without capitals and accents. `ÉCOLE`, `école` → `ecole`."""
    if text.isascii():
        return text.lower()
    return "".join(each for each in normalize("NFKD", text).casefold() if category(each) != "Mn")


def spellings(password: str) -> list[str]:
    """The ways in which keyboards write it; the first is the one to hash (NFC, as in RFC 8265)."""
    return list(dict.fromkeys((normalize("NFC", password), password, normalize("NFD", password))))


def lines(text: str) -> list[str]:
    """For plain text and terminals: its lines, in which nothing moves the cursor or turns others around."""
    return ["".join("\ufffd" if _is_control(each) else each for each in line) for line in text.splitlines()]


def is_key(text: str) -> bool:
    """Whether it may be the key of something that is to be done once."""
    return 1 <= len(text) <= 64 and text.isascii() and text.isprintable()


def _is_control(character: str) -> bool:
    """A bidi control is none: it ends with its line."""
    return character != "\t" and category(character) == "Cc"
