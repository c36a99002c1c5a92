"""The JSON API, the streams and what a monitor asks: a blueprint a module."""

from chat.web.api import (
    agents,
    answering,
    books,
    clients,
    description,
    diagnosis,
    earnings,
    fetching,
    guests,
    login,
    missed,
    operation,
    order,
    payments,
    push,
    sending,
    sessions,
    signals,
    sockets,
    streaming,
    tokens,
    webhooks,
)

ALL = tuple(
    module.blueprint
    for module in (
        sending,
        fetching,
        streaming,
        sockets,
        sessions,
        signals,
        agents,
        payments,
        earnings,
        answering,
        books,
        order,
        missed,
        push,
        clients,
        webhooks,
        login,
        guests,
        tokens,
        operation,
        diagnosis,
        description,
    )
)
