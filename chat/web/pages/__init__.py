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
    order,
    own_page,
    paying,
    privacy,
    profile,
    second_step,
    statements,
    steps,
    tokens,
    webhooks,
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
        order,
        clients,
        books,
        desk,
        device,
        statements,
        administration,
        steps,
        webhooks,
    )
)
