"""What the domain works with."""

from dataclasses import dataclass

from chat.database import Database
from chat.hub import Hub
from chat.presence import Presence
from chat.settings import Settings


@dataclass(frozen=True)
class Engine:
    """The database, the hub that is told what was committed, who is there, and the rules."""

    database: Database
    hub: Hub
    presence: Presence
    rules: Settings
