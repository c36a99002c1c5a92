"""`flask --app app chat …`: the operator's commands."""

import json
import re
import secrets
import signal
import time
import urllib.error
import urllib.request
from decimal import Decimal
from typing import Any, cast

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from chat import (
    accounts,
    audit,
    balances,
    currency,
    earnings,
    exports,
    messages,
    money,
    people,
    store,
    texts,
    totp,
    verify,
)
from chat.accounts import ROLES, User
from chat.database.connection import Connection
from chat.demo import month, pairs
from chat.errors import Problem
from chat.money import Cents
from chat.runtime import Runtime
from chat.settings import SettingError
from chat.store.rows import UserRow

# Of units, and perhaps decimals.
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
RETRY_SECONDS = 1.0
# A poll is held for 25 s; a server that says nothing for longer has gone.
TAIL_TIMEOUT_SECONDS = 60


@click.group(cls=AppGroup)
@with_appcontext
def chat() -> None:
    """Tête-à-tête: people, tokens and conversations."""
    context = click.get_current_context()
    context.call_on_close(_runtime().close)
    _or_fail(_runtime().prepare)
    if context.invoked_subcommand != "currency":
        _or_fail(_runtime().check_currency)


side = click.option(
    "--as", "side", type=click.Choice(["client", "agent"]), default="client", show_default=True
)

key = click.option("--key", help="1 to 64 characters: what was done with it before is not done again.")


@chat.command()
def migrate() -> None:
    """Bring the database to the newest schema (the server does so too, when it starts)."""
    click.echo(f"{_runtime().database.path}: up to date")


@chat.command("create-user")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), default="client", show_default=True)
@click.option("--rate", default="0", help="What a minute with an agent costs, like 2.50.")
@click.password_option()
def create_user(email: str, name: str, role: str, rate: str, password: str) -> None:
    """Add somebody who can sign in."""
    runtime, cents = _runtime(), _cents(rate)
    user_id = _or_fail(lambda: accounts.create_user(runtime, role, name, email, password, cents))
    click.echo(f"{role} {user_id}: {email}")


@chat.command()
@click.argument("email")
def token(email: str) -> None:
    """Print a new sign-in token for EMAIL."""
    click.echo(accounts.issue_token(_runtime(), _user(email)["id"]))


@chat.command("demo")
@click.option("--sessions", "count", type=click.IntRange(1, 100_000), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Only the ids and tokens, as JSON.")
@click.option("--once", is_flag=True, help="Renew the first one's logins instead of making another.")
def make_demo(count: int, as_json: bool, once: bool) -> None:
    """Make active chat sessions in a site that looks lived in, and print how to use them."""
    runtime, password = _runtime(), secrets.token_urlsafe(9)
    password_hash = accounts.hash_password(runtime, password)
    renewed = pairs.renew(runtime, password_hash) if once else None
    made = [renewed] if renewed else pairs.create(runtime, count, password_hash)
    if as_json:
        click.echo(json.dumps({"sessions": [{"id": one.id, "tokens": one.tokens} for one in made]}))
        return
    first = made[0]
    month.furnish(runtime, first, password_hash)
    newest = runtime.database.read(lambda db: store.sessions.by_id(db, first.id))
    click.echo(
        _DEMO.format(
            url=_url(),
            id=first.id,
            last=newest["last_message_id"] if newest else 0,
            password=password,
            admin=month.ADMIN,
            emails=first.emails,
            tokens=first.tokens,
        )
    )


@chat.command("set-up")
def set_up() -> None:
    """Print the address of the page on which somebody becomes the first administrator."""
    code = _runtime().database.read(store.server.setup_code)
    if code is None:
        raise click.ClickException("there is an administrator already")
    click.echo(f"{_url()}/setup?code={code}")


@chat.command("set-rate")
@click.argument("email")
@click.argument("rate")
def set_rate(email: str, rate: str) -> None:
    """Set what a minute with an agent costs, like 2.50, from the next session on."""
    cents, row = _cents(rate), _agent(email)
    _runtime().database.write(lambda db: people.set_rate(db, None, row, cents))
    click.echo(f"{email}: {Cents(cents)} a minute")


@chat.command("currency")
@click.argument("code", required=False)
def change_currency(code: str | None) -> None:
    """Print the currency of the database, or change it while no session is open and no balance is left."""
    runtime = _runtime()
    if code:
        _or_fail(lambda: currency.change(runtime, code))
        click.echo("Look at the agents' rates, and let them take requests again.")
    click.echo(runtime.database.read(store.server.currency))


@chat.command("top-up")
@click.argument("email")
@click.argument("amount")
@click.option("--reason", required=True)
@key
def top_up(email: str, amount: str, reason: str, key: str | None) -> None:
    """Add to a client's prepaid balance."""
    _change_balance(email, "top_up", amount, reason, key)


@chat.command()
@click.argument("email")
@click.argument("amount")
@click.option("--reason", required=True)
@key
def refund(email: str, amount: str, reason: str, key: str | None) -> None:
    """Pay some of a client's prepaid balance back."""
    _change_balance(email, "refund", amount, reason, key)


@chat.command("set-share")
@click.argument("email")
@click.argument("percent", type=click.IntRange(0, 100))
def set_share(email: str, percent: int) -> None:
    """Set what of their sessions' price an agent earns, in per cent, for clocks that start from now on."""
    agent = _agent(email)
    _runtime().database.write(lambda db: people.set_share(db, None, agent, percent))
    click.echo(f"{email}: {percent} %")


@chat.command("pay-out")
@click.argument("email")
@click.argument("amount")
@click.option("--reason", required=True)
@key
@click.option("--take-back", is_flag=True, help="It came back.")
def pay_out(email: str, amount: str, reason: str, key: str | None, take_back: bool) -> None:
    """Record what an agent was paid."""
    runtime, agent_id, cents = _runtime(), _agent(email)["id"], _cents(amount)
    _check_key(key)
    kind: earnings.Kind = "taken_back" if take_back else "payout"
    _or_fail(lambda: earnings.pay_out(runtime, None, agent_id, kind, cents, reason, key))
    owed = earnings.statement(runtime, None, agent_id)["accounts"][0]
    click.echo(f"{email}: {owed['balance']} {owed['currency']} are owed")


@chat.command()
@click.argument("email")
def statement(email: str) -> None:
    """Print what an agent earned and was paid, by month, as CSV."""
    found = _or_fail(lambda: earnings.statement(_runtime(), None, _agent(email)["id"]))
    click.echo(earnings.as_csv(found), nl=False)


@chat.command("verify")
@click.option("--since", help="A head that was printed before: its entries must be there still.")
def verify_books(since: str | None) -> None:
    """Compute every bill again; print the books' head, exit with 1 and the differences if there are any."""
    found, head = _runtime().database.read(
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
    click.echo(_or_fail(lambda: exports.table(_runtime(), None, month)), nl=False)


@chat.command("reset-code")
@click.argument("email")
def reset_code(email: str) -> None:
    """Let somebody sign in without the code of the second step, which they have lost."""
    totp.reset(_runtime(), None, _user(email)["id"])
    click.echo(f"{email}: no second step")


@chat.command("audit")
@click.option("--kind", type=click.Choice(audit.KINDS), help="Only these acts.")
@click.option("--of", "text", default="", help="Only of whose name or email has this in it.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
def print_audit(kind: str | None, text: str, limit: int) -> None:
    """Print what administrators did, newest first: when, who, from where, what, to whom."""
    for entry in audit.listed(_runtime(), None, text, kind=kind, limit=limit)[0]:
        who = entry["actor"]["name"] if entry["actor"] else "command line"
        whom = [f"{entry['user']['name']} ({entry['user']['id']})"] if entry["user"] else []
        what = [f"session {entry['chat_session_id']}"] if entry["chat_session_id"] else []
        shown = (
            entry["created_at"],
            who,
            entry["address"] or "-",
            entry["kind"],
            *whom,
            *what,
            entry["detail"],
        )
        click.echo("  ".join(filter(None, shown)))


@chat.command()
@click.argument("session_id", type=click.IntRange(1))
@click.argument("text")
@side
def send(session_id: int, text: str, side: str) -> None:
    """Write a message into a chat session, straight into the database."""
    runtime, sender = _runtime(), User(_participant(session_id, side), side, "", b"")

    def note(db: Connection, message_id: int) -> None:
        audit.note(db, None, "message_sent", sender.id, session_id, str(message_id))

    message_id, _ = _or_fail(lambda: messages.send(runtime, sender, session_id, text, None, note=note))
    click.echo(message_id)


@chat.command()
@click.argument("session_id", type=click.IntRange(1))
@side
@click.option("--token", help="Use this sign-in instead of a new one.", envvar="TOKEN")
@click.option("--url", help="The server; by default the one of CHAT_BIND.")
@click.option("--after", "last_id", type=click.IntRange(0), default=0, help="Begin after this id.")
def tail(session_id: int, side: str, token: str | None, url: str | None, last_id: int) -> None:
    """Print a chat session's messages as they come, by long polling the running server."""
    address = f"{(url or _url()).rstrip('/')}/api/chat/messages/{session_id}"
    if token:
        return _tail(address, token, last_id)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    token = accounts.issue_token(_runtime(), _participant(session_id, side))
    try:
        _tail(address, token, last_id)
    finally:
        accounts.log_out(_runtime(), accounts.hash_token(token))


def _tail(address: str, token: str, last_id: int) -> None:
    position = f"lastMessageId={last_id}"
    while True:
        answer = _poll(f"{address}?{position}&longPoll=true", token)
        for message in answer["messages"]:
            text = "\n    ".join(texts.lines(message["message"]))
            click.echo(f"{message['created_at']}  {message['sender_name']}: {text}")
        position = f"cursor={answer['cursor']}"
        if answer["session"]["status"] == "ended" and not answer["has_more"]:
            click.echo("The session has ended.")
            return


def _poll(address: str, token: str) -> dict[str, Any]:
    """One answer of the server; a server that is away is asked again."""
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=TAIL_TIMEOUT_SECONDS) as response:
                return cast(dict[str, Any], json.load(response))
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise click.ClickException(f"{error.code}: {error.read().decode()}") from None
        except OSError:
            pass
        time.sleep(RETRY_SECONDS)


def _runtime() -> Runtime:
    return cast(Runtime, current_app.extensions["chat"])


def _participant(session_id: int, side: str) -> int:
    """The id of the user on that side."""
    row = _runtime().database.read(lambda db: store.sessions.by_id(db, session_id))
    user_id = row and (row["client_id"] if side == "client" else row["agent_id"])
    if user_id is None:
        raise click.ClickException(f"chat session {session_id} has no {side}")
    return user_id


def _user(email: str) -> UserRow:
    row = _runtime().database.read(lambda db: store.users.by_email(db, texts.email(email)))
    if row is None:
        raise click.ClickException(f"nobody has the email {email}")
    return row


def _agent(email: str) -> UserRow:
    row = _user(email)
    if row["role"] != "agent":
        raise click.ClickException(f"{email} is no agent")
    return row


def _cents(text: str) -> int:
    try:
        return money.minor_units(Decimal(text if AMOUNT.fullmatch(text) else "NaN"))
    except ValueError:
        raise click.ClickException(f"{text!r} must be {money.described()}") from None


def _check_key(key: str | None) -> None:
    if key is not None and not texts.is_key(key):
        raise click.ClickException(f"{key!r} is no key; it has 1 to 64 printable ASCII characters")


def _change_balance(email: str, kind: balances.Kind, amount: str, reason: str, key: str | None) -> None:
    runtime, user_id, cents = _runtime(), _user(email)["id"], _cents(amount)
    _check_key(key)
    left, _ = _or_fail(lambda: balances.change(runtime, None, user_id, kind, cents, reason, key))
    click.echo(f"{email}: {left} {runtime.settings.currency}")


def _or_fail(call: Any) -> Any:
    try:
        return call()
    except Problem as problem:
        raise click.ClickException(problem.detail or problem.title) from None
    except SettingError as error:
        raise click.ClickException(str(error)) from None


def _url() -> str:
    return f"http://{_runtime().settings.bind}"


_DEMO = """\
Chat session {id}, with password {password} for all:
  client  {emails[client]}
  agent   {emails[agent]}
  admin   {admin}

The page  {url}/
Receive   curl "{url}/api/chat/messages/{id}?lastMessageId={last}&longPoll=true" \\
            -H "Cookie: session={tokens[client]}"
Send      curl {url}/api/chat/message \\
            -H "Authorization: Bearer {tokens[agent]}" \\
            -H "Content-Type: application/json" \\
            -d '{{"chat_session_id":{id},"message":"Bonjour !"}}'
"""
