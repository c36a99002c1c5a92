"""The JSON API, the streams and what a monitor asks: a blueprint a module."""

from chat.web.api import (
    agents,
    attachments,
    books,
    clients,
    description,
    diagnosis,
    earnings,
    fetching,
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
        attachments,
        streaming,
        sockets,
        sessions,
        signals,
        agents,
        payments,
        earnings,
        books,
        order,
        missed,
        push,
        clients,
        webhooks,
        login,
        tokens,
        operation,
        diagnosis,
        description,
    )
)
