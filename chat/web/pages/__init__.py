"""The pages, a module for each part of the house."""

from chat.web.pages import (
    administration,
    asking,
    books,
    clients,
    conversations,
    desk,
    device,
    entrance,
    figures,
    order,
    paying,
    privacy,
    profile,
    searching,
    second_step,
    statements,
    tokens,
    webhooks,
    widget,
    widgets,
)

ALL = tuple(
    module.blueprint
    for module in (
        entrance,
        profile,
        privacy,
        second_step,
        tokens,
        paying,
        asking,
        conversations,
        searching,
        order,
        clients,
        books,
        desk,
        device,
        statements,
        figures,
        administration,
        webhooks,
        widget,
        widgets,
    )
)
