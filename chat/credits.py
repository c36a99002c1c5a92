"""After the end: the client asks about a receipt, and an administrator gives some of it back."""

from collections import Counter
from collections.abc import Sequence

from chat import audit, books, receipts, shares, store, texts
from chat.accounts import User
from chat.books import Content, Credited, Person, Share
from chat.changes import Change, publish, settle_each, weigh_balance
from chat.database.connection import Connection
from chat.errors import IdempotencyMismatch, InvalidParameter, NotFound, existing
from chat.money import Cents
from chat.runtime import Runtime
from chat.store.rows import BookRow
from chat.wire import Credit, Receipt, Remark

REMARK_CHARACTERS = 2000
REASON_CHARACTERS = 500
# Questions shown to administrators at a time.
MOST_UNANSWERED = 50


def ask(runtime: Runtime, user: User, chat_session_id: int, text: str) -> Remark:
    """The client asks about their receipt; the agent and administrators answer. Raises NotFound."""
    said = texts.checked(text, "remark", REMARK_CHARACTERS)

    def write(db: Connection) -> Remark:
        row = receipts.visible(db, user, chat_session_id)
        if user.role != "admin" and user.id not in (row["client_id"], row["agent_id"]):
            raise NotFound
        existing(store.books.receipt(db, chat_session_id))
        store.remarks.insert(db, chat_session_id, user.id, said, store.server.now(db))
        audit.note(db, user, "answered", row["client_id"], chat_session_id)
        return receipts.remark(store.remarks.of_session(db, chat_session_id)[-1])

    return runtime.database.write(write)


def unanswered(runtime: Runtime, actor: User) -> list[Receipt]:
    """The receipts about which clients have asked, and nobody has answered; raises Forbidden."""
    audit.only_administrators(actor)

    def read(db: Connection) -> list[Receipt]:
        asked = store.remarks.unanswered(db, MOST_UNANSWERED)
        return [receipts.show(db, runtime, actor, each["chat_session_id"]) for each in asked]

    return runtime.database.read(read)


def currency_of(runtime: Runtime, actor: User, chat_session_id: int) -> str:
    """What a receipt is in, and what is given back of it; raises Forbidden, NotFound."""
    audit.only_administrators(actor)
    receipt = runtime.database.read(lambda db: existing(store.books.receipt(db, chat_session_id)))
    return str(books.read(receipt)["currency"])


def credit(
    runtime: Runtime, actor: User, chat_session_id: int, cents: int, reason: str, key: str
) -> tuple[Credit, bool]:
    """An administrator gives back some of a receipt, or all: (the credit note, whether it was old).

    What came from a balance goes back to it; anything else is marked to be paid back. With the same `key`
    there is only ever one. Raises Forbidden, NotFound, InvalidParameter, IdempotencyMismatch.
    """
    audit.only_administrators(actor)
    reason = texts.checked(reason, "reason", REASON_CHARACTERS)

    def write(db: Connection) -> tuple[BookRow, bool, list[Change]]:
        earlier = store.books.by_key(db, key)
        if earlier is not None:
            said: Credited = books.read(earlier)
            if (said["chat_session_id"], said["total_cents"], said["reason"]) != (
                chat_session_id,
                cents,
                reason,
            ):
                raise IdempotencyMismatch
            return earlier, True, []
        receipt = existing(store.books.receipt(db, chat_session_id))
        client: Person = books.read(receipt)["client"]
        # What the old balance did comes first.
        changes = settle_each(db, runtime.settings, store.sessions.active_of_users(db, [client["id"]]))
        content = _content(db, runtime, receipt, actor, cents, reason, key)
        if content["is_to_balance"]:
            changes += weigh_balance(db, runtime.settings, client["id"])
        detail = f"{Cents(cents)} {content['currency']}"
        audit.note(db, actor, "credited", client["id"], chat_session_id, detail)
        return store.books.append(db, "credit", {**content}), False, changes

    row, is_old, changes = runtime.database.write(write)
    publish(runtime, changes)
    return receipts.credit(row), is_old


def _content(
    db: Connection, runtime: Runtime, receipt: BookRow, actor: User, cents: int, reason: str, key: str
) -> Credited:
    """What the credit note says; the ledger has its entry then."""
    bill: Content = books.read(receipt)
    chat_session_id, client = bill["chat_session_id"], bill["client"]
    earlier: list[Credited] = [
        books.read(each) for each in store.books.of_session(db, "credit", chat_session_id)
    ]
    credited = sum(each["total_cents"] for each in earlier)
    currency = bill["currency"]
    if not 1 <= cents <= bill["total_cents"] - credited:
        least, most = (Cents(each, currency) for each in (1, bill["total_cents"] - credited))
        raise InvalidParameter(f"amount must be from {least} to {most}, what is left of it.", field="amount")
    # Balances have one currency; what was paid in one from before is paid back by hand.
    is_to_balance = bool(bill["session"]["is_prepaid"]) and currency == runtime.settings.currency
    ledger_id = None
    if is_to_balance:
        now = store.server.now(db)
        ledger_id = store.ledger.credit(db, client["id"], chat_session_id, cents, actor.id, reason, now)
    # Of all credits together, so that those for the whole of it come to its tax.
    before, after = (
        books.tax(each, bill["vat_rate"], bill["vat_note"]) for each in (credited, credited + cents)
    )
    return {
        "chat_session_id": chat_session_id,
        "receipt": receipt["number"],
        "operator": books.operator(runtime.settings),
        "client": client,
        "currency": currency,
        "reason": reason,
        "key": key,
        "actor_id": actor.id,
        "is_to_balance": is_to_balance,
        "ledger_id": ledger_id,
        "shares": _shares(bill, earlier, cents),
        "vat_rate": bill["vat_rate"],
        "vat_note": bill["vat_note"],
        "net_cents": after["net_cents"] - before["net_cents"],
        "vat_cents": after["vat_cents"] - before["vat_cents"],
        "total_cents": cents,
    }


def _shares(bill: Content, earlier: Sequence[Credited], cents: int) -> list[Share]:
    """Who bears a credit: in proportion to what is left to each agent of what they earned."""
    left, borne = Counter[int](), Counter[int]()
    for charge in bill["charges"]:
        left[charge["agent_id"]] += charge["cents"]
    for part in (each for credit in earlier for each in credit["shares"]):
        left[part["agent_id"]] -= part["cents"]
        borne[part["agent_id"]] += part["cents"]
    percents = {each["agent_id"]: each["share_percent"] for each in bill["intervals"]}
    found: list[Share] = []
    total, upto, given = left.total(), 0, 0
    for agent_id, of_agent in left.items():
        upto += of_agent
        until = upto * cents // total
        before, after = borne[agent_id], borne[agent_id] + until - given
        own = shares.part(after, percents[agent_id]) - shares.part(before, percents[agent_id])
        found.append({"agent_id": agent_id, "cents": until - given, "share": own})
        given = until
    return [share for share in found if share["cents"]]
