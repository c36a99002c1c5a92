"""The operator's commands: `tete-a-tete …`, or `flask --app app chat …` in a checkout."""

from chat.cli import hooks, house, money, moving, people, privacy, talks, widgets
from chat.cli.group import Away, chat

__all__ = ["Away", "chat", "hooks", "house", "money", "moving", "people", "privacy", "talks", "widgets"]
