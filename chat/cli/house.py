"""The server itself: its database, its settings, its version, and people to try it with."""

import json
import os
import secrets
import shlex
import shutil
import sys
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import click

from chat import accounts, doctor, store, verify
from chat.blobs import Blobs
from chat.cli.group import (
    Refused,
    application_runtime,
    as_json,
    chat,
    curl,
    file_of,
    or_fail,
    prepared,
    runtime,
    show,
    url,
)
from chat.database.sqlite import copies
from chat.demo import month, pairs
from chat.errors import DatabaseUnavailable
from chat.settings import (
    ENV_FILE,
    PREFIX,
    Settings,
    as_file,
    environment,
    from_environment,
    variable,
    written,
)
from chat.version import VERSION

ROOT = Path(__file__).parents[2]


@chat.command()
def serve() -> None:
    """Start the server, in the place of this process."""
    # Its own settings it reads itself, again at each reload.
    others = {name: value for name, value in environment(os.environ).items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py")]
    os.execve(sys.executable, command, {**others, **os.environ})


@chat.command()
def migrate() -> None:
    """Make the database, or bring it to the newest schema (the server does so too, when it starts)."""
    click.echo(f"{prepared().database.name()}: up to date")


@chat.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--keep", type=click.IntRange(1), help="Remove all but so many of the newest ones there.")
def backup(folder: Path | None, keep: int | None) -> None:
    """Copy the database, and the files that were sent, to FOLDER or else to `backups` beside it, and print
    the copy's path.

    The server may go on. The copy is checked, bills included, before it has its name; where anything is wrong
    none that was there is removed.
    """
    found = runtime()
    now = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    path = file_of(found, f"pg_dump --format=custom --file=chat-{now}.dump")
    folder = folder or path.parent / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = folder / f"{path.stem}-{now}.db"
    wrong: list[str] = []
    or_fail(lambda: copies.take(path, copy, lambda db: wrong.extend(verify.differences(db))))
    or_fail(lambda: found.blobs.copy_to(copies.beside(copy)))
    click.echo(copy)
    if wrong:
        raise click.ClickException("\n".join(["the copy is whole, and its books are wrong:", *wrong]))
    # For whoever sets the server up; the copy is none the worse without.
    with suppress(DatabaseUnavailable):
        found.database.write(lambda db: store.server.note_backup(db, store.server.now(db)))
    for old in copies.rotate(folder, path.stem, keep) if keep else ():
        shutil.rmtree(copies.beside(old), ignore_errors=True)
        click.echo(f"removed {old}")


@chat.command()
@click.argument("copy", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(copy: Path) -> None:
    """Put a backup in the place of the database, while no server runs; what was there is kept beside it."""
    found = application_runtime()
    path = file_of(found, f"pg_restore --exit-on-error --no-owner {shlex.quote(str(copy))}")
    former = path.with_name(f"{path.stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}.replaced.db")
    or_fail(lambda: copies.put_back(copy.absolute(), path, former))
    or_fail(lambda: Blobs(copies.beside(copy.absolute())).copy_to(found.blobs.folder))
    click.echo(f"{path} is {copy}; what was there before is {former}")


@chat.command("doctor")
@as_json
def examine(as_json: bool) -> None:
    """Say whether machine, settings and database carry the server, and what to do where they do not."""
    findings = list(doctor.examine(application_runtime(), environment(os.environ)))
    if as_json:
        show((each._asdict() for each in findings), as_json)
    else:
        show(({"state": each.state, "name": each.name, "text": each.text} for each in findings), as_json)
        for each in findings:
            if each.advice:
                click.echo(f"\n{each.name}: {each.advice}")
    if any(each.state == "wrong" for each in findings):
        raise SystemExit(1)


@chat.command()
@as_json
def version(as_json: bool) -> None:
    """Print which version this is."""
    click.echo(json.dumps({"version": VERSION}) if as_json else VERSION)


@chat.command("settings")
@as_json
@click.option("--file", "is_file", is_flag=True, help="As an environment file, without what is secret.")
def print_settings(as_json: bool, is_file: bool) -> None:
    """Print every setting: its name, its value, and where that comes from."""
    found = environment(os.environ)
    settings = from_environment(found)
    if is_file:
        click.echo(as_file(settings), nl=False)
        return

    def source(name: str) -> str:
        return "environment" if name in os.environ else found[ENV_FILE] if name in found else "default"

    show(
        (
            {
                "name": variable(each.name),
                "value": "…" if each.metadata["is_secret"] else written(getattr(settings, each.name)),
                "source": source(variable(each.name)),
            }
            for each in fields(Settings)
        ),
        as_json,
    )


@chat.command("demo")
@click.option("--sessions", "count", type=click.IntRange(1, 100_000), default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Only the ids and tokens, as JSON.")
@click.option("--once", is_flag=True, help="Renew the first one's logins instead of making another.")
def make_demo(count: int, as_json: bool, once: bool) -> None:
    """Make active chat sessions in a site that looks lived in, and print how to use them.

    Not where people of your own are: of the demo nothing can be undone.
    """
    found, password = prepared(), secrets.token_urlsafe(9)
    if found.database.read(lambda db: store.demo.has_others(db, pairs.DOMAIN)):
        raise Refused(
            f"{found.database.name()} has people of its own, whom the demo would stand among for good: "
            "give it another file, like CHAT_DATABASE_URL=sqlite:///data/demo.db"
        )
    password_hash = accounts.hash_password(found, password)
    renewed = pairs.renew(found, password_hash) if once else None
    made = [renewed] if renewed else pairs.create(found, count, password_hash)
    if as_json:
        click.echo(json.dumps({"sessions": [{"id": one.id, "tokens": one.tokens} for one in made]}))
        return
    first = made[0]
    month.furnish(found, first, password_hash)
    newest = found.database.read(lambda db: store.sessions.by_id(db, first.id))
    click.echo(
        _DEMO.format(
            url=url(),
            curl=curl(),
            id=first.id,
            last=newest["last_message_id"] if newest else 0,
            password=password,
            admin=month.ADMIN,
            emails=first.emails,
            tokens=first.tokens,
        )
    )


_DEMO = """\
Chat session {id}, with password {password} for all:
  client  {emails[client]}
  agent   {emails[agent]}
  admin   {admin}

The page  {url}/
Receive   {curl} "{url}/api/chat/messages/{id}?lastMessageId={last}&longPoll=true" \\
            -H "Cookie: session={tokens[client]}"
Send      {curl} {url}/api/chat/message \\
            -H "Authorization: Bearer {tokens[agent]}" \\
            -H "Content-Type: application/json" \\
            -d '{{"chat_session_id":{id},"message":"Bonjour !"}}'
"""
