"""What the commands share: their group, the database that is there, and how they say what is wrong."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from chat import money, store, texts
from chat.database.migrations import NewerSchema, OlderSchema, Unfit
from chat.database.sqlite.copies import BadCopy, InUse
from chat.database.sqlite.database import SQLiteDatabase
from chat.errors import DatabaseUnavailable, Problem
from chat.runtime import Runtime
from chat.settings import SettingError
from chat.store.rows import UserRow

# Of units, and perhaps decimals.
AMOUNT = r"[0-9]{1,9}(\.[0-9]{1,3})?"
# Who listens on all addresses is asked at this one.
HERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
# Of a host that others know: with a dot, and no address of an interface.
NAME = re.compile(r"([a-z0-9_-]+\.)+[a-z][a-z0-9-]*")
T = TypeVar("T")


class Refused(click.ClickException):
    """It was asked for wrongly, or cannot be done; as for an option that there is not."""

    exit_code = 2


class Away(click.ClickException):
    """There is nothing to work on: no database, one of another version, or a setting that cannot be read."""

    exit_code = 3


@click.group()
@click.pass_context
def chat(context: click.Context) -> None:
    """Tête-à-tête: people, money, conversations, and the server.

    They exit with 0; 1 when something was checked and is wrong; 2 when it was asked for wrongly or is
    refused; 3 when there is no database to work on.
    """
    if not isinstance(context.obj, Runtime):  # Below `flask`, which knows the application.
        context.obj = context.obj.load_app().extensions["chat"]
    context.call_on_close(context.obj.close)


as_json = click.option("--json", "as_json", is_flag=True, help="As JSON, an object a line.")


def runtime(has_currency: bool = True) -> Runtime:
    """What a command works with: a database that is there, at this version's schema, in our currency."""
    found = application_runtime()
    if not or_fail(found.database.is_there):
        raise Away(
            f"There is no database at {found.database.name()}: CHAT_DATABASE_URL says where, and `migrate` "
            "makes one."
        )
    or_fail(found.database.check)
    if has_currency:
        or_fail(found.check_currency)
    return found


def prepared() -> Runtime:
    """The same, made or migrated where it has to be."""
    found = application_runtime()
    or_fail(found.prepare)
    or_fail(found.check_currency)
    return found


def file_of(found: Runtime, instead: str) -> Path:
    """The file of the database; a command that is of files is refused where there is none.

    `instead` is what PostgreSQL has for it, to which its address is added.
    """
    if not isinstance(found.database, SQLiteDatabase):
        address = shlex.quote(found.database.address())
        raise Refused(
            f"This is for a database in a file. For PostgreSQL run this; docs/scaling.md says more:\n"
            f"{instead} --dbname={address}"
        )
    return found.database.path


def or_fail(call: Callable[[], T]) -> T:
    """What the call gives; what it raises of ours ends the command."""
    try:
        return call()
    except DatabaseUnavailable as problem:
        raise Away(problem.detail or problem.title) from None
    except Problem as problem:
        raise Refused(problem.detail or problem.title) from None
    except InUse as error:
        raise Refused(str(error)) from None
    except (SettingError, OlderSchema, NewerSchema, Unfit, BadCopy, OSError) as error:
        raise Away(str(error)) from None


def user(email: str) -> UserRow:
    """Somebody, by email."""
    row = runtime().database.read(lambda db: store.users.by_email(db, texts.email(email)))
    if row is None:
        raise Refused(f"nobody has the email {email}")
    return row


def agent(email: str) -> UserRow:
    """The same, of an agent."""
    row = user(email)
    if row["role"] != "agent":
        raise Refused(f"{email} is no agent")
    return row


class Amount(click.ParamType[int]):
    """An amount like 12.50, as minor units."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        runtime()  # It must be in its currency.
        try:
            return money.minor_units(Decimal(value if re.fullmatch(AMOUNT, value) else "NaN"))
        except ValueError:
            raise Refused(f"{value!r} must be {money.described()}") from None


class Key(click.ParamType[str]):
    """What is done with one is done once."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not texts.is_key(value):
            raise Refused(f"{value!r} is no key; it has 1 to 64 printable ASCII characters")
        return cast(str, value)


key = click.option(
    "--key", type=Key(), help="1 to 64 characters: what was done with it before is not done again."
)


def show(rows: Iterable[Mapping[str, Any]], as_json: bool) -> None:
    """Each on a line: as JSON, or its values, those of a column below each other."""
    found = list(rows)
    if as_json:
        for row in found:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    cells = [["-" if value is None else str(value) for value in row.values()] for row in found]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        click.echo("  ".join(map(str.ljust, line, widths)).rstrip())


def url() -> str:
    """How addresses begin: at the name that people use, where a proxy does TLS, or else on this machine."""
    settings = application_runtime().settings
    if settings.url:
        return settings.url
    if name := _name(settings.trusted_hosts):
        return f"https://{name}{settings.prefix}"
    host, _, port = settings.bind.rpartition(":")
    here = "localhost" if _is_file(settings.bind) else f"{HERE.get(host, host)}:{port}"
    return f"http://{here}{settings.prefix}"


def curl() -> str:
    """How to ask there: a socket in the file system has no address."""
    settings = application_runtime().settings
    if _is_file(settings.bind) and not _name(settings.trusted_hosts):
        return f"curl --unix-socket {settings.bind.removeprefix('unix:')}"
    return "curl"


def _is_file(bind: str) -> bool:
    return bind.startswith("unix:")


def _name(hosts: Iterable[str]) -> str | None:
    """The first that is a whole one, and not only this machine's."""
    return next((host for host in hosts if NAME.fullmatch(host)), None)


def application_runtime() -> Runtime:
    """Of the settings, whatever the database."""
    return cast(Runtime, click.get_current_context().find_object(Runtime))
