"""Money: balances, earnings, the books."""

import click

from chat import balances, currency, earnings, exports, store, verify
from chat.cli.group import Amount, agent, chat, key, or_fail, runtime, user


@chat.command("currency")
@click.argument("code", required=False)
def change_currency(code: str | None) -> None:
    """Print the currency of the database, or change it while no session is open and no balance is left."""
    found = runtime(has_currency=False)
    if code:
        or_fail(lambda: currency.change(found, code))
        click.echo("Look at the agents' rates, and let them take requests again.")
    click.echo(found.database.read(store.server.currency))


@chat.command("top-up")
@click.argument("email")
@click.argument("amount", type=Amount())
@click.option("--reason", required=True)
@key
def top_up(email: str, amount: int, reason: str, key: str | None) -> None:
    """Add to a client's prepaid balance."""
    _change_balance(email, "top_up", amount, reason, key)


@chat.command()
@click.argument("email")
@click.argument("amount", type=Amount())
@click.option("--reason", required=True)
@key
def refund(email: str, amount: int, reason: str, key: str | None) -> None:
    """Pay some of a client's prepaid balance back."""
    _change_balance(email, "refund", amount, reason, key)


@chat.command("pay-out")
@click.argument("email")
@click.argument("amount", type=Amount())
@click.option("--reason", required=True)
@key
@click.option("--take-back", is_flag=True, help="It came back.")
def pay_out(email: str, amount: int, reason: str, key: str | None, take_back: bool) -> None:
    """Record what an agent was paid."""
    agent_id = agent(email)["id"]
    kind: earnings.Kind = "taken_back" if take_back else "payout"
    or_fail(lambda: earnings.pay_out(runtime(), None, agent_id, kind, amount, reason, key))
    owed = earnings.statement(runtime(), None, agent_id)["accounts"][0]
    click.echo(f"{email}: {owed['balance']} {owed['currency']} are owed")


@chat.command()
@click.argument("email")
def statement(email: str) -> None:
    """Print what an agent earned and was paid, by month, as CSV."""
    found = or_fail(lambda: earnings.statement(runtime(), None, agent(email)["id"]))
    click.echo(earnings.as_csv(found), nl=False)


@chat.command("verify")
@click.option("--since", help="A head that was printed before: its entries must be there still.")
def verify_books(since: str | None) -> None:
    """Compute every bill again; print the books' head, exit with 1 and the differences if there are any."""
    found, head = runtime().database.read(
        lambda db: (list(verify.differences(db, since)), store.books.newest(db))
    )
    for difference in found:
        click.echo(difference)
    if found:
        raise SystemExit(1)
    click.echo("All totals and balances are right.")
    if head is not None:
        click.echo(f"The books have {head['sequence']} entries; their head is {head['hash']}")


@chat.command("books")
@click.option("--month", help="Like 2026-11; without it, all there is.")
def print_books(month: str | None) -> None:
    """Print the books as CSV: receipts, credits and the ledger."""
    click.echo(or_fail(lambda: exports.table(runtime(), None, month)), nl=False)


def _change_balance(email: str, kind: balances.Kind, cents: int, reason: str, key: str | None) -> None:
    user_id = user(email)["id"]
    left, _ = or_fail(lambda: balances.change(runtime(), None, user_id, kind, cents, reason, key))
    click.echo(f"{email}: {left} {runtime().settings.currency}")
