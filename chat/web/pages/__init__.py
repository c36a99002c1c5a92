"""The pages, a module for each part of the house."""

from chat.web.pages import administration, asking, conversations, desk, entrance, profile, statements

ALL = tuple(
    module.blueprint
    for module in (entrance, profile, asking, conversations, desk, statements, administration)
)
