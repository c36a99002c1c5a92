"""What was found of one thing."""

from typing import Literal, NamedTuple

State = Literal["ok", "warning", "wrong"]


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do about it."""

    name: str
    state: State
    text: str
    advice: str = ""
