"""`flask --app app chat …`: the operator's commands."""

import json
import secrets
import time
import urllib.error
import urllib.request
from typing import Any, cast

import click
from flask import current_app
from flask.cli import AppGroup

from chat import accounts, demo, messages
from chat.accounts import ROLES, User
from chat.errors import Problem
from chat.process import Process
from chat.store import sessions, users

RETRY_SECONDS = 1.0
# A poll is held for 25 s; a server that says nothing for longer has gone.
TAIL_TIMEOUT_SECONDS = 60

chat = AppGroup("chat", help="Tête-à-tête: people, tokens and conversations.")
side = click.option(
    "--as", "side", type=click.Choice(["client", "agent"]), default="client", show_default=True
)


@chat.command()
def migrate() -> None:
    """Bring the database to the newest schema (the server does so too, when it starts)."""
    click.echo(f"{_process().database.path}: up to date")


@chat.command("create-user")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), default="client", show_default=True)
@click.password_option()
def create_user(email: str, name: str, role: str, password: str) -> None:
    """Add somebody who can sign in."""
    here = _process()
    user_id = _or_fail(lambda: accounts.create_user(here.database, role, name, email, password, here.clock()))
    click.echo(f"{role} {user_id}: {email}")


@chat.command()
@click.argument("email")
def token(email: str) -> None:
    """Print a new sign-in token for EMAIL."""
    here = _process()
    row = here.database.read(lambda db: users.by_email(db, email.lower()))
    if row is None:
        raise click.ClickException(f"nobody has the email {email}")
    click.echo(_issue_token(row["id"]))


@chat.command("demo")
@click.option("--sessions", "count", type=click.IntRange(1, 100_000), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Only the ids and tokens, as JSON.")
@click.option("--once", is_flag=True, help="Renew the first one's logins instead of making another.")
def make_demo(count: int, as_json: bool, once: bool) -> None:
    """Make active chat sessions, and print how to use them."""
    here = _process()
    password, days = secrets.token_urlsafe(9), here.settings.token_days
    renewed = demo.renew(here.database, password, days, here.clock()) if once else None
    made = [renewed] if renewed else demo.create(here.database, count, password, days, here.clock())
    if as_json:
        click.echo(json.dumps({"sessions": [{"id": one.id, "tokens": one.tokens} for one in made]}))
        return
    first = made[0]
    newest = here.database.read(lambda db: sessions.by_id(db, first.id))
    click.echo(
        _DEMO.format(
            url=_url(),
            id=first.id,
            last=newest["last_message_id"] if newest else 0,
            password=password,
            emails=first.emails,
            tokens=first.tokens,
        )
    )


@chat.command()
@click.argument("session_id", type=click.IntRange(1))
@click.argument("text")
@side
def send(session_id: int, text: str, side: str) -> None:
    """Write a message into a chat session, straight into the database."""
    here = _process()
    row = here.database.read(lambda db: sessions.by_id(db, session_id))
    if row is None or row[f"{side}_id"] is None:
        raise click.ClickException(f"chat session {session_id} has no {side}")
    sender = User(row[f"{side}_id"], side, "", b"")
    message_id, _ = _or_fail(
        lambda: messages.send(here.database, here.hub, sender, session_id, text, None, here.clock())
    )
    click.echo(message_id)


@chat.command()
@click.argument("session_id", type=click.IntRange(1))
@side
@click.option("--token", help="Use this sign-in instead of a new one.", envvar="TOKEN")
@click.option("--url", help="The server; by default the one of CHAT_BIND.")
@click.option("--after", "last_id", type=click.IntRange(0), default=0, help="Begin after this id.")
def tail(session_id: int, side: str, token: str | None, url: str | None, last_id: int) -> None:
    """Print a chat session's messages as they come, by long polling the running server."""
    here = _process()
    if token is None:
        row = here.database.read(lambda db: sessions.by_id(db, session_id))
        if row is None or row[f"{side}_id"] is None:
            raise click.ClickException(f"chat session {session_id} has no {side}")
        token = _issue_token(row[f"{side}_id"])
    address = f"{(url or _url()).rstrip('/')}/api/chat/messages/{session_id}"
    while True:
        answer = _poll(f"{address}?lastMessageId={last_id}&longPoll=true", token)
        for message in answer["messages"]:
            click.echo("{created_at}  {sender_name}: {message}".format(**message))
            last_id = message["id"]
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


def _process() -> Process:
    return cast(Process, current_app.extensions["chat"])


def _issue_token(user_id: int) -> str:
    here = _process()
    return accounts.issue_token(here.database, user_id, here.settings.token_days, here.clock())


def _or_fail(call: Any) -> Any:
    try:
        return call()
    except Problem as problem:
        raise click.ClickException(problem.detail or problem.title) from None


def _url() -> str:
    return f"http://{_process().settings.bind}"


_DEMO = """\
Chat session {id}, with password {password} for both:
  client  {emails[client]}
  agent   {emails[agent]}

The page  {url}/
Receive   curl "{url}/api/chat/messages/{id}?lastMessageId={last}&longPoll=true" \\
            -H "Cookie: session={tokens[client]}"
Send      curl {url}/api/chat/message \\
            -H "Authorization: Bearer {tokens[agent]}" \\
            -H "Content-Type: application/json" \\
            -d '{{"chat_session_id":{id},"message":"Bonjour !"}}'
"""
