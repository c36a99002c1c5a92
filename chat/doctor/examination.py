"""Whether this machine and these settings carry the server, and what to do where they do not."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from chat.database.connection import Connection
from chat.database.migrations import NewerSchema, OlderSchema
from chat.database.sqlite.database import SQLiteDatabase
from chat.doctor import contents, file, machine, server
from chat.doctor.finding import Finding
from chat.errors import DatabaseUnavailable
from chat.runtime import Runtime
from chat.settings import Settings


def examine(runtime: Runtime, environment: Mapping[str, str]) -> Iterator[Finding]:
    """One finding a thing; nothing is changed."""
    found = runtime.settings
    path = runtime.database.path if isinstance(runtime.database, SQLiteDatabase) else None
    yield machine.python()
    if path:
        yield file.sqlite(found)
    yield machine.names(environment)
    yield machine.files(found)
    yield machine.threads(found)
    yield machine.address(found)
    yield machine.mail(found)
    yield machine.attachments(runtime)
    yield from _file(runtime, path) if path else _server(runtime)


def _file(runtime: Runtime, path: Path) -> Iterator[Finding]:
    if not path.exists():
        advice = "`tete-a-tete migrate` makes it, as the server does; or CHAT_DATABASE_URL is another."
        yield Finding("database", "wrong", f"there is none at {path}", advice)
        return
    yield from file.around(path)
    yield from _schema(runtime, file.cause(path))


def _server(runtime: Runtime) -> Iterator[Finding]:
    try:
        yield from server.around(runtime.settings)
        is_there = runtime.database.is_there()
    except DatabaseUnavailable as problem:
        yield Finding("database", "wrong", str(problem.detail), server.AWAY)
        return
    if not is_there:
        advice = "`tete-a-tete migrate` makes it, as the server does; or CHAT_DATABASE_URL names another."
        yield Finding("schema", "wrong", f"there is none at {runtime.database.name()}", advice)
        return
    yield from _schema(runtime, server.AWAY)


def _schema(runtime: Runtime, cause: str) -> Iterator[Finding]:
    try:
        runtime.database.check()
    except (NewerSchema, OlderSchema) as error:
        yield Finding("schema", "wrong", "of another version", str(error))
        return
    except DatabaseUnavailable as problem:
        yield Finding("database", "wrong", str(problem.detail), cause)
        return
    yield Finding("schema", "ok", "this version's")
    yield from runtime.database.read(lambda db: list(_contents(db, runtime.settings)))


def _contents(db: Connection, found: Settings) -> Iterator[Finding]:
    if db.engine == "sqlite":
        whole = list(file.contents(db))
        yield from whole
        if whole[-1].state == "wrong":
            return
    yield from contents.contents(db, found)
