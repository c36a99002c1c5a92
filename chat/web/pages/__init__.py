"""The pages, a module for each part of the house."""

from chat.web.pages import (
    administration,
    asking,
    books,
    conversations,
    desk,
    entrance,
    order,
    paying,
    profile,
    statements,
)

ALL = tuple(
    module.blueprint
    for module in (
        entrance,
        profile,
        paying,
        asking,
        conversations,
        order,
        books,
        desk,
        statements,
        administration,
    )
)
