"""What is kept of a person: printed, and erased."""

import sys

import click

from chat import clock, documents, erasure, personal, store, texts
from chat.cli.group import Refused, as_json, chat, or_fail, runtime, show, user
from chat.store.rows import UserRow

# Readers of what was before have gone on by then.
TRIES = 20
_ERASE = """\
{name} ({email}, {role}) will be erased, for good: name, email, password, sign-ins, devices, whatever they
wrote in conversations and elsewhere, and notes about them. What others wrote to them stays, and receipts
and ledger as they were issued. Backups have it until they are removed. Erase them?"""


@chat.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def erase(email: str, yes: bool, as_json: bool) -> None:
    """Erase somebody: who they are, what they wrote, and notes about them. The books stay as issued.

    Not while a conversation of theirs goes on, money is left or owed, a report waits, or they are the last
    administrator. It cannot be undone.
    """
    row = _found(email)
    is_old = row["erased_at"] is not None
    if not is_old:
        if obstacles := or_fail(lambda: erasure.look(runtime(), None, row["id"])).obstacles:
            raise Refused(" ".join(map(str, obstacles)))
        if not yes and not click.confirm(_ERASE.format(**row), err=True):
            raise Refused("Nothing was erased.")
        or_fail(lambda: erasure.erase(runtime(), None, row["id"]))
    or_fail(lambda: erasure.finish(runtime(), row["id"]))
    is_clean = any(or_fail(runtime().database.empty_log) for _ in range(TRIES))
    new = or_fail(lambda: erasure.look(runtime(), None, row["id"])).person
    at = clock.text(new["erased_at"] or 0)
    if as_json:
        show([{"id": new["id"], "email": new["email"], "erased_at": at, "already": is_old}], as_json)
    else:
        click.echo(f"{email}: {'is erased already' if is_old else 'erased'}, {at}; now {new['email']}")
    if not is_clean:
        click.echo("Of what was before some is in the write-ahead log until it is written over.", err=True)


@chat.command("export")
@click.argument("email")
def export_person(email: str) -> None:
    """Print all that is kept of somebody as JSON, with the notes about them that they are not shown."""
    row = user(email)
    runtime().database.write(lambda db: personal.note(db, row["id"]))
    for piece in documents.pieces(or_fail(lambda: personal.document(runtime(), row["id"], is_whole=True))):
        sys.stdout.buffer.write(piece)


def _found(email: str) -> UserRow:
    row = runtime().database.read(lambda db: store.users.by_email(db, texts.email(email)))
    if row is None:
        raise Refused(f"nobody has the email {email}: whoever had it is erased already, or never was here")
    return row
