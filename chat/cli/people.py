"""People: who there is, what they may, and how they sign in."""

import click

from chat import accounts, audit, clock, money, people, roles, store, tokens, totp
from chat.accounts import ROLES
from chat.cli.group import Amount, agent, as_json, chat, or_fail, runtime, show, url, user


@chat.group()
def users() -> None:
    """Who there is."""


@users.command("list")
@click.option("--role", type=click.Choice(ROLES))
@click.option("--of", "text", default="", help="Only whose name or email has this in it.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@as_json
def list_users(role: str | None, text: str, limit: int, as_json: bool) -> None:
    """Print the newest: id, role, email, name, what a minute costs, whether they can sign in."""
    rows = runtime().database.read(lambda db: store.users.search(db, text, role, 2**63 - 1, limit))
    columns = (
        {
            "id": row["id"],
            "role": row["role"],
            "email": row["email"],
            "name": row["name"],
            "rate_per_minute": str(money.Cents(row["rate_cents"])) if row["role"] == "agent" else None,
            "state": "erased" if row["erased_at"] else "disabled" if row["disabled_at"] else "enabled",
        }
        for row in rows
    )
    show(columns, as_json)


@click.command("create")
@click.argument("email")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), default="client", show_default=True)
@click.option("--rate", type=Amount(), default="0", help="What a minute with an agent costs, like 2.50.")
@click.password_option()
def create_user(email: str, name: str, role: str, rate: int, password: str) -> None:
    """Add somebody who can sign in."""
    user_id = or_fail(lambda: accounts.create_user(runtime(), role, name, email, password, rate))
    click.echo(f"{role} {user_id}: {email}")


users.add_command(create_user)
chat.add_command(create_user, "create-user")


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """Sign somebody out, and let them in no more."""
    or_fail(lambda: people.disable(runtime(), None, user(email)["id"]))
    click.echo(f"{email}: disabled")


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Let somebody in again."""
    or_fail(lambda: people.enable(runtime(), None, user(email)["id"]))
    click.echo(f"{email}: enabled")


@users.command()
@click.argument("email")
def link(email: str) -> None:
    """Print the address of a page on which somebody chooses a new password; the old one works until then."""
    click.echo(f"{url()}/links/{or_fail(lambda: people.reset(runtime(), None, user(email)['id']))}")


@users.command("role")
@click.argument("email")
@click.argument("role", type=click.Choice(ROLES))
def change_role(email: str, role: str) -> None:
    """Give somebody another role: client, agent or admin. They sign in anew.

    Not while a conversation of theirs goes on, money is left or owed, or they are the last administrator.
    """
    is_new = or_fail(lambda: roles.change(runtime(), None, user(email)["id"], role))
    click.echo(f"{email}: {role}" if is_new else f"{email}: {role} already")


@users.command("set-rate")
@click.argument("email")
@click.argument("rate", type=Amount())
def set_rate(email: str, rate: int) -> None:
    """Set what a minute with an agent costs, like 2.50, from the next session on."""
    row = agent(email)
    runtime().database.write(lambda db: people.set_rate(db, None, row, rate))
    click.echo(f"{email}: {money.Cents(rate)} a minute")


@users.command("set-share")
@click.argument("email")
@click.argument("percent", type=click.IntRange(0, 100))
def set_share(email: str, percent: int) -> None:
    """Set what of their sessions' price an agent earns, in per cent, for clocks that start from now on."""
    row = agent(email)
    runtime().database.write(lambda db: people.set_share(db, None, row, percent))
    click.echo(f"{email}: {percent} %")


@users.command("reset-code")
@click.argument("email")
def reset_code(email: str) -> None:
    """Let somebody sign in without the code of the second step, which they have lost."""
    totp.reset(runtime(), None, user(email)["id"])
    click.echo(f"{email}: no second step")


@chat.command()
@click.argument("email")
def token(email: str) -> None:
    """Print a new sign-in token for EMAIL, for scripts."""
    click.echo(accounts.issue_token(runtime(), user(email)["id"]))


@chat.group("tokens")
def api_tokens() -> None:
    """What programs of people sign in with."""


@api_tokens.command("list")
@click.argument("email")
@as_json
def list_tokens(email: str, as_json: bool) -> None:
    """Print those of EMAIL that are valid: id, label, since when, last used when, until when."""
    show(tokens.listed(runtime(), user(email)["id"]), as_json)


@api_tokens.command("create")
@click.argument("email")
@click.option("--label", required=True, help="What it is for.")
@click.option(
    "--days", type=click.IntRange(1, tokens.MOST_DAYS), default=tokens.USUAL_DAYS, show_default=True
)
@as_json
def create_token(email: str, label: str, days: int, as_json: bool) -> None:
    """Print a new token for programs of EMAIL, this once."""
    made, shown = or_fail(lambda: tokens.issue(runtime(), user(email)["id"], label, days))
    if as_json:
        show([{"token": made, **shown}], as_json)
    else:
        click.echo(made)


@api_tokens.command("revoke")
@click.argument("email")
@click.argument("token_id", type=click.IntRange(1))
def revoke_token(email: str, token_id: int) -> None:
    """End one of EMAIL's at once, by its id, and what is held with it."""
    or_fail(lambda: tokens.withdraw(runtime(), user(email)["id"], token_id))
    click.echo(f"{email}: {token_id} revoked")


@chat.group("sign-ins")
def sign_ins() -> None:
    """Where people are signed in."""


@sign_ins.command("list")
@click.argument("email")
@as_json
def list_sign_ins(email: str, as_json: bool) -> None:
    """Print those of EMAIL that are valid: id, since when, until when."""
    user_id = user(email)["id"]
    rows = runtime().database.read(lambda db: store.tokens.valid_of(db, user_id, store.server.now(db)))
    show(
        (
            {"id": each["id"], **{name: clock.text(each[name]) for name in ("created_at", "expires_at")}}
            for each in rows
        ),
        as_json,
    )


@sign_ins.command("end")
@click.argument("email")
def end_sign_ins(email: str) -> None:
    """End all of EMAIL's at once, and revoke all API tokens; what they have open tells them so."""
    click.echo(f"{email}: {or_fail(lambda: people.sign_out(runtime(), None, user(email)['id']))} ended")


@chat.command("set-up")
def set_up() -> None:
    """Print the address of the page on which somebody becomes the first administrator."""
    code = runtime().database.read(store.server.setup_code)
    if code is None:
        raise click.ClickException("there is an administrator already")
    click.echo(f"{url()}/setup?code={code}")


@chat.command("audit")
@click.option("--kind", type=click.Choice(audit.KINDS), help="Only these acts.")
@click.option("--of", "text", default="", help="Only of whose name or email has this in it.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@as_json
def print_audit(kind: str | None, text: str, limit: int, as_json: bool) -> None:
    """Print what administrators did, newest first: when, who, from where, what, to whom."""
    entries = audit.listed(runtime(), None, text, kind=kind, limit=limit)[0]
    if as_json:
        return show(entries, as_json)
    for entry in entries:
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
