"""The pages, a module for each part of the house."""

from chat.web.pages.administration import administration
from chat.web.pages.agents import agents
from chat.web.pages.conversations import conversations
from chat.web.pages.entrance import entrance
from chat.web.pages.inbox import inbox
from chat.web.pages.profile import profile

ALL = (entrance, profile, agents, conversations, inbox, administration)
