"""The pages, a module for each part of the house."""

from chat.web.pages import administration, asking, conversations, desk, entrance, paying, profile

ALL = tuple(
    module.blueprint for module in (entrance, profile, paying, asking, conversations, desk, administration)
)
