"""The currency of the database: all amounts are in it that do not say another."""

from babel.numbers import is_currency

from chat import audit, store
from chat.database.connection import Connection
from chat.errors import InvalidParameter, WrongStatus
from chat.money import decimals
from chat.runtime import Runtime


def change(runtime: Runtime, code: str) -> None:
    """Another one from now on; sessions and ledger rows that there are keep theirs.

    Agents keep their rates in units, rounded up, and take no requests until somebody has looked at them.
    Raises InvalidParameter, and WrongStatus while it could change what somebody pays or has.
    """
    if not is_currency(code):
        raise InvalidParameter(f"{code} is no currency of ISO 4217, like EUR", field="currency")

    def write(db: Connection) -> None:
        before = store.server.currency(db)
        if code == before:
            return
        lease, in_use = store.server.lease(db), store.server.money_in_use(db)
        if lease.until > lease.now:
            raise WrongStatus(
                f"The server runs: stop it first, and wait for {(lease.until - lease.now) // 1000 + 1} s "
                "if it was killed."
            )
        if any(in_use):
            raise WrongStatus(
                "{} sessions have not ended, and {} clients have a balance: end and pay back first.".format(
                    *in_use
                )
            )
        more = decimals(code) - decimals(before)
        store.server.set_currency(db, code, 10 ** max(0, more), 10 ** max(0, -more))
        audit.note(db, None, "currency_changed", detail=f"{before} → {code}")

    runtime.database.write(write)
