"""What is in the database, whichever engine has it."""

from collections.abc import Iterator

from chat import clock, store
from chat.database.connection import Connection
from chat.doctor.finding import Finding
from chat.settings import Settings

# A clock that is further from this machine's was set, or the machine slept.
CLOCK_MS = 5_000


def contents(db: Connection, found: Settings) -> Iterator[Finding]:
    """Its currency, its clock, and whether anybody administers it."""
    if (currency := store.server.currency(db)) != found.currency:
        advice = f"Set CHAT_CURRENCY={currency}, or see `tete-a-tete currency`."
        yield Finding("currency", "wrong", f"{found.currency}, and the database's is {currency}", advice)
    if (away := abs(store.server.now(db) - clock.wall())) > CLOCK_MS:
        advice = (
            "Bills are right all the same; have the clock set (systemd-timesyncd), and restart at leisure."
        )
        yield Finding("clock", "warning", f"{away / 1000:.0f} s from the server's", advice)
    else:
        yield Finding("clock", "ok", "the server's")
    if store.server.setup_code(db):
        yield Finding("administrator", "warning", "none yet", "`tete-a-tete set-up` tells how to become it.")
    else:
        yield Finding("administrator", "ok", "there is one")
