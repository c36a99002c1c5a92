"""The operator's commands: `tete-a-tete …`, or `flask --app app chat …` in a checkout."""

from chat.cli import house, money, people, privacy, talks
from chat.cli.group import Away, chat

__all__ = ["Away", "chat", "house", "money", "people", "privacy", "talks"]
