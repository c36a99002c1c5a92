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
    own_page,
    paying,
    privacy,
    profile,
    searching,
    second_step,
    statements,
    steps,
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
        own_page,
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
        steps,
        webhooks,
        widget,
        widgets,
    )
)
