"""A database that goes to another place."""

import sys
from pathlib import Path

import click

from chat import moving
from chat.blobs import Blobs
from chat.cli.group import Away, Refused, application_runtime, chat, or_fail
from chat.database.database import Database
from chat.database.opening import EngineMissing, files_of, open_database
from chat.settings import SettingError, as_database_url


@chat.command()
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
def move(source: str, target: str) -> None:
    """Carry all of the database at SOURCE into a new or empty one at TARGET, while no server runs.

    Both are addresses as CHAT_DATABASE_URL has them. What is at SOURCE stays as it is.
    """
    here, there = _open(source), _open(target)
    try:
        try:
            moved = or_fail(lambda: moving.move(here, there, _tell))
        except moving.NotMoved as error:
            raise Refused(f"{error}. Nothing was changed.") from None
        folders = [_contents(url) for url in (source, target)]
        are_carried = or_fail(lambda: moving.carry_contents(*folders))
    finally:
        here.close()
        there.close()
    click.echo(
        _MOVED.format(
            source=here.name(),
            target=there.name(),
            count=sum(moved.rows.values()),
            tables=len(moved.rows),
            rows=moved.rows,
            folder=folders[1].folder,
            came="copied to" if are_carried else "still in",
        )
    )
    if moved.wrong:
        raise click.ClickException("\n".join(["all came, and the books are wrong:", *moved.wrong]))
    click.echo(_NEXT.format(source=here.name()))


def _open(url: str) -> Database:
    try:
        return open_database(as_database_url(url), 1, lambda db: None)
    except SettingError as error:
        raise Refused(f"an address is like {error}") from None
    except EngineMissing as error:
        raise Away(str(error)) from None


def _contents(url: str) -> Blobs:
    folder = application_runtime().settings.attachments_folder
    return Blobs(Path(folder) if folder else files_of(url))


def _tell(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        of_all = f" {done:,} of {of:,}" if of else ""
        click.echo(f"\r\x1b[K{what}{of_all}", nl=False, err=True)


_MOVED = """\
All of {source} is in {target}: {count} rows of {tables} tables,
among them {rows[chat_sessions]} sessions, {rows[messages]} messages, {rows[books]} entries of the books.
Files that were sent are {came} {folder}."""
_NEXT = """\
All totals and balances are right there.

Set CHAT_DATABASE_URL to the second address, on every host, and start the server. Start none on
{source} again: what is written there from now on is nowhere else."""
