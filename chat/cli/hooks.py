"""Webhooks: other programs that are told what happens."""

from typing import cast

import click

from chat import webhooks
from chat.cli.group import as_json, chat, or_fail, runtime, show
from chat.store.rows import HookEvent
from chat.wire import Webhook

one = click.argument("webhook_id", type=click.IntRange(1))
events = click.option(
    "--event", "events", type=click.Choice(webhooks.EVENTS), multiple=True, help="One of those it is told."
)


@chat.group("webhooks")
def group() -> None:
    """Addresses that are told what happens, and how that goes."""


@group.command("list")
@as_json
def list_webhooks(as_json: bool) -> None:
    """Print all: id, label, address, events, whether on, what is wrong, and how much waits."""
    _show(webhooks.listed(runtime(), None), as_json)


@group.command()
@click.argument("url")
@click.option("--label", required=True, help="What it is for.")
@events
@click.option("--words", is_flag=True, help="With the words of messages.")
@as_json
def add(url: str, label: str, events: tuple[str, ...], words: bool, as_json: bool) -> None:
    """Tell URL what happens from now on, all events or these, and print its secret, this once."""
    chosen = cast(tuple[HookEvent, ...], events) or webhooks.EVENTS
    webhook, secret = or_fail(lambda: webhooks.add(runtime(), None, label, url, chosen, words))
    show([{"id": webhook["id"], "secret": secret}], as_json)


@group.command()
@one
@click.option("--url")
@click.option("--label")
@events
@click.option("--words/--no-words", default=None, help="With the words of messages, or without.")
def change(
    webhook_id: int, url: str | None, label: str | None, events: tuple[str, ...], words: bool | None
) -> None:
    """What is given, is so from now on."""
    chosen = cast(tuple[HookEvent, ...], events) or None
    or_fail(lambda: webhooks.change(runtime(), None, webhook_id, label, url, chosen, words))
    click.echo(f"{webhook_id}: changed")


@group.command()
@one
def rotate(webhook_id: int) -> None:
    """Print another secret, this once; the one before is good for a day more."""
    click.echo(or_fail(lambda: webhooks.rotate(runtime(), None, webhook_id))[1])


@group.command("on")
@one
def turn_on(webhook_id: int) -> None:
    """Tell it what waits and is not too old, and what happens from now on."""
    or_fail(lambda: webhooks.turn(runtime(), None, webhook_id, True))
    click.echo(f"{webhook_id}: on")


@group.command("off")
@one
def turn_off(webhook_id: int) -> None:
    """Tell it nothing more."""
    or_fail(lambda: webhooks.turn(runtime(), None, webhook_id, False))
    click.echo(f"{webhook_id}: off")


@group.command()
@one
def remove(webhook_id: int) -> None:
    """Forget it, with what waits for it."""
    or_fail(lambda: webhooks.remove(runtime(), None, webhook_id))
    click.echo(f"{webhook_id}: removed")


@group.command("test")
@one
def send_test(webhook_id: int) -> None:
    """Let the server send it a test, after what waits, which is tried now; `deliveries` tells how it went."""
    or_fail(lambda: webhooks.send_test(runtime(), None, webhook_id))
    click.echo(f"{webhook_id}: the running server sends it")


@group.command("deliveries")
@one
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@as_json
def list_deliveries(webhook_id: int, limit: int, as_json: bool) -> None:
    """Print the newest: id, event, when, whether it arrived, attempts, status, what is wrong."""
    show(or_fail(lambda: webhooks.deliveries(runtime(), None, webhook_id, 2**63 - 1, limit))[0], as_json)


@group.command("again")
@one
@click.argument("delivery_id", type=click.IntRange(1))
def send_again(webhook_id: int, delivery_id: int) -> None:
    """Let the server send one again, with the same id, before what waits."""
    or_fail(lambda: webhooks.send_again(runtime(), None, webhook_id, delivery_id))
    click.echo(f"{webhook_id}: the running server sends {delivery_id}")


def _show(found: list[Webhook], as_json: bool) -> None:
    show(
        found
        if as_json
        else (
            {
                **{name: each[name] for name in ("id", "label", "url")},
                "state": "off" if not each["is_on"] else "failing" if each["failing_since"] else "on",
                "problem": each["problem"],
                "waiting": each["waiting"],
                "events": ", ".join(each["events"]),
            }
            for each in found
        ),
        as_json,
    )
