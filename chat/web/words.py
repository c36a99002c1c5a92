"""What a person reads for each of the wire's words."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _

STATUSES = {
    "waiting": _("Waiting"),
    "active": _("Active"),
    "paused": _("Paused"),
    "ended": _("Ended"),
}
END_REASONS = {
    "ended_by_client": _("Ended by the client"),
    "ended_by_agent": _("Ended by the agent"),
    "declined": _("Declined"),
    "cancelled": _("Taken back"),
    "expired": _("Nobody answered in time"),
    "inactive": _("Ended after a long silence"),
    "spending_limit": _("Ended: the money was used up"),
}
PAUSE_REASONS = {
    "paused_by_client": _("Paused by the client"),
    "paused_by_agent": _("Paused by the agent"),
    "client_absent": _("Paused: the client is away"),
    "agent_absent": _("Paused: the agent is away"),
    "outage": _("Paused: the server was away"),
    "inactive": _("Paused: nobody was writing"),
    "spending_limit": _("Paused: the spending limit is reached"),
    "balance": _("Paused: the balance is used up"),
}
INTERVALS = {**PAUSE_REASONS, "active": _("Conversation"), "transfer": _("Handed over")}
PEERS = {"typing": _("is typing…"), "online": _("online"), "away": _("away")}
AVAILABILITIES = {"available": _("Available"), "busy": _("Busy"), "away": _("Away")}
ROLES = {"client": _("Client"), "agent": _("Agent"), "admin": _("Administrator")}
LEDGER = {
    "top_up": _("Top-up"),
    "refund": _("Refund"),
    "minute": _("Minute"),
    "minute_refund": _("Minute given back"),
}
PROBLEMS = {
    "internal_error": _("Something went wrong on the server."),
    "invalid_request": _("The request cannot be read."),
    "invalid_parameter": _("A value is missing or not acceptable."),
    "not_authenticated": _("Sign in first."),
    "invalid_credentials": _("The email or the password is wrong."),
    "not_found": _("There is nothing here, or it is not yours."),
    "cross_site": _(
        "This came from another site's page, or the proxy in front does not pass the Host header."
    ),
    "form_expired": _("This form is from an earlier sign-in; send it again."),
    "forbidden": _("This is not for your side to do."),
    "method_not_allowed": _("This address does not take that method."),
    "email_taken": _("This email belongs to an account already."),
    "session_ended": _("The conversation has ended."),
    "wrong_status": _("The conversation is no longer in a state for this."),
    "agent_unavailable": _("This agent takes no requests at the moment."),
    "spending_limit_reached": _("The spending limit is used up; raise it first."),
    "insufficient_balance": _("The balance does not pay for the next minute."),
    "idempotency_mismatch": _("This form was sent before, with another message."),
    "cursor_reset": _("The page is ahead of the server; load it again."),
    "body_too_large": _("That is too long."),
    "unsupported_media_type": _("The server does not read this format."),
    "too_many_requests": _("Too many attempts; wait a minute."),
    "overloaded": _("The server is busy; try again in a moment."),
    "database_unavailable": _("The database cannot be used right now; nothing was changed."),
}
FIELDS = {
    "email": _("Enter an email address, like name@example.org."),
    "password": _("A password has 8 to 1000 characters."),
    "new_password": _("A password has 8 to 1000 characters."),
    "name": _("A name has 1 to 100 characters."),
    "headline": _("At most 200 characters."),
    "message": _("A message has 1 to 4000 characters."),
    "shortcut": _("1 to 30 letters, digits, hyphens or underscores."),
    "rate": _("Enter an amount, like 2.50."),
    "amount": _("Enter an amount, like 20.00."),
    "spending_limit": _("Enter an amount, like 20.00, not below what it costs already."),
    "rating": _("Choose one to five stars."),
    "comment": _("That is too long."),
    "reason": _("Say why, in 1 to 500 characters."),
    "code": _("It is in the server's log, after “setup?code=”."),
}
NOTICES = {
    "saved": _("Saved."),
    "welcome": _("Welcome!"),
    "signed_out": _("You are signed out."),
    "password": _("The password is changed; other devices are signed out."),
    "rated": _("Thank you for your rating."),
    "deleted": _("Deleted."),
}
# What the scripts of a page say by themselves.
SCRIPT = {
    "live": _("Live"),
    "stream": _("Live, by stream"),
    "websocket": _("Live, by WebSocket"),
    "polling": _("Polling every 3 s"),
    "offline": _("Offline, trying again"),
    "stopped": _("Signed out: load the page again"),
    "sending": _("Sending…"),
    "sent": _("Sent"),
    "read": _("Read"),
    "failed": _("Not sent"),
    "retry": _("Try again"),
    "copied": _("Copied"),
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "new_request": _("New request"),
    "accepted": _("Your request is accepted"),
}


def of_problem(code: str, field: str | None = None) -> str:
    """What is wrong, and what would be right."""
    wanted = FIELDS.get(field or "") if code == "invalid_parameter" else None
    return str(wanted or PROBLEMS[code])


def of_session(session: Mapping[str, Any]) -> str:
    """Its status, with the reason where there is one."""
    if session["status"] == "ended":
        return str(END_REASONS[session["end_reason"]])
    if session["status"] == "paused":
        return str(PAUSE_REASONS[session["pause_reason"]])
    return str(STATUSES[session["status"]])


def states(session: Mapping[str, Any]) -> set[str]:
    """What elements with `data-when` are shown for; static/js/session.js says the same."""
    return {
        session["status"],
        str(session["pause_reason"]),
        *(["silent"] if session["is_silent"] else []),
        *(["transfer"] if session["transfer"] else []),
        *(["running"] if session["is_clock_running"] else []),
        *(["limited"] if session["spending_limit"] is not None else []),
        *(["scarce"] if session["is_clock_running"] and is_scarce(session) else []),
    }


def is_scarce(session: Mapping[str, Any]) -> bool:
    """Whether the money lasts for two minutes at most."""
    return session["seconds_left"] is not None and session["seconds_left"] <= 120


def for_scripts() -> dict[str, Any]:
    """Those that a page's scripts need, in the language of the request."""
    return {
        **{name: str(word) for name, word in SCRIPT.items()},
        "statuses": {name: str(word) for name, word in STATUSES.items()},
        "end_reasons": {name: str(word) for name, word in END_REASONS.items()},
        "pause_reasons": {name: str(word) for name, word in PAUSE_REASONS.items()},
        "peers": {name: str(word) for name, word in PEERS.items()},
        "problems": {name: str(word) for name, word in PROBLEMS.items()},
    }
