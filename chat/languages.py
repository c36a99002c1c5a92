"""The texts that are told outside of a request: in the language of whoever they are for."""

import gettext
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent.parent / "translations"


@cache
def texts_in(language: str) -> gettext.NullTranslations:
    """The same texts that pages have; English where it is none of ours."""
    return gettext.translation("messages", _FOLDER, [language], fallback=True)
