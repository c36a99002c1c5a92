"""The first steps of whoever sets a server up: what is done is seen in what there is."""

from typing import NamedTuple

from chat import audit, store
from chat.accounts import User
from chat.database.connection import Connection
from chat.runtime import Runtime


class Step(NamedTuple):
    """One of them, by its name, and whether it is done."""

    name: str
    is_done: bool


def left(runtime: Runtime, actor: User) -> list[Step]:
    """All of them, in their order; none once all are done, or put away. Raises Forbidden."""
    audit.only_administrators(actor)
    settings = runtime.settings

    def read(db: Connection) -> list[Step]:
        there = store.server.beginnings(db)
        steps = [
            Step("agent", there.has_agent),
            Step("price", there.has_price),
            Step("operator", bool(settings.operator_name and settings.operator_address)),
            Step("address", settings.url.startswith("https://")),
            Step("mail", settings.has_mail),
            Step("backup", there.has_backup),
            Step("conversation", there.has_conversation),
        ]
        is_over = there.is_hidden or all(each.is_done for each in steps)
        return [] if is_over else steps

    return runtime.database.read(read)


def put_away(runtime: Runtime, actor: User) -> None:
    """For all administrators, and for good. Raises Forbidden."""
    audit.only_administrators(actor)
    runtime.database.write(lambda db: store.server.hide_steps(db, store.server.now(db)))
