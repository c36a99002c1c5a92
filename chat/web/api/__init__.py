"""The JSON API, the streams and what a monitor asks: a blueprint a module."""

from chat.web.api import (
    agents,
    books,
    description,
    diagnosis,
    fetching,
    login,
    operation,
    sending,
    sessions,
    signals,
    sockets,
    streaming,
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
        books,
        login,
        operation,
        diagnosis,
        description,
    )
)
