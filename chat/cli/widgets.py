"""Widgets: what websites show of this one."""

import click

from chat import clock, widgets
from chat.cli.group import as_json, chat, or_fail, runtime, show

one = click.argument("widget_id", type=click.IntRange(1))


@chat.group("widgets")
def group() -> None:
    """Buttons on websites, each with its key and the origins that may show it."""


@group.command("list")
@as_json
def list_widgets(as_json: bool) -> None:
    """Print all: id, key, label, origins, since when, and whether revoked."""
    show(
        (
            {
                **{name: each[name] for name in ("id", "key", "label", "origins")},
                "created_at": clock.text(each["created_at"]),
                "state": "on" if each["revoked_at"] is None else "revoked",
            }
            for each in widgets.listed(runtime(), None)
        ),
        as_json,
    )


@group.command()
@click.argument("origins", nargs=-1, required=True)
@click.option("--label", required=True, help="What it is called.")
@as_json
def add(origins: tuple[str, ...], label: str, as_json: bool) -> None:
    """Let these ORIGINS, like https://www.example.org, show a widget, and print its id and its key."""
    widget = or_fail(lambda: widgets.add(runtime(), None, label, origins))
    show([{"id": widget["id"], "key": widget["key"]}], as_json)


@group.command()
@one
@click.argument("origins", nargs=-1, required=True)
@click.option("--label", required=True, help="What it is called.")
def change(widget_id: int, origins: tuple[str, ...], label: str) -> None:
    """From now on these ORIGINS may show it, and no others."""
    or_fail(lambda: widgets.change(runtime(), None, widget_id, label, origins))
    click.echo(f"{widget_id}: changed")


@group.command()
@one
def revoke(widget_id: int) -> None:
    """It is shown nowhere any more, and its guests are signed out."""
    or_fail(lambda: widgets.revoke(runtime(), None, widget_id))
    click.echo(f"{widget_id}: revoked")
