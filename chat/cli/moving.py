"""A database that goes to another place."""

import sys
from pathlib import Path

import click

from chat import moving, store
from chat.blobs import Blobs
from chat.cli.group import Away, Refused, application_runtime, chat, or_fail
from chat.contents import SharedBlobs
from chat.database import native
from chat.database.database import Database
from chat.database.opening import EngineMissing, files_of, is_file, open_database
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
        names = there.read(store.attachments.contents)
        blobs = _blobs(source, here), _blobs(target, there)
        files, missing = or_fail(lambda: moving.carry_contents(names, *blobs))
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
            files=files,
            missing=f", {missing} were in no folder" if missing else "",
            folder=blobs[1].folder,
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


def _blobs(url: str, database: Database) -> Blobs:
    chosen = application_runtime().settings.attachments_folder
    folder = Path(chosen) if chosen else files_of(url)
    return Blobs(folder) if is_file(url) else SharedBlobs(folder, database, native.Pool(1, 1))


def _tell(what: str, done: int, of: int) -> None:
    if sys.stderr.isatty():
        of_all = f" {done:,} of {of:,}" if of else ""
        click.echo(f"\r\x1b[K{what}{of_all}", nl=False, err=True)


_MOVED = """\
All of {source} is in {target}: {count} rows of {tables} tables,
among them {rows[chat_sessions]} sessions, {rows[messages]} messages, {rows[books]} entries of the books.
Files that were sent: {files} are in {folder}{missing}."""
_NEXT = """\
All totals and balances are right there.

Set CHAT_DATABASE_URL to the second address, on every host, and start the server. Start none on
{source} again: what is written there from now on is nowhere else."""
