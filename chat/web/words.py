"""What a person reads for each of the wire's words."""

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _

from chat.money import Cents
from chat.store.rows import Attachment
from chat.web.language import money
from chat.web.typed import typed
from chat.wire import Event, LastMessage, Summary

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
# To the one who did it.
OWN = {
    "client": {
        "ended_by_client": _("You ended it"),
        "cancelled": _("You took it back"),
        "paused_by_client": _("Paused by you"),
        "client_absent": _("Paused: you were away"),
    },
    "agent": {
        "ended_by_agent": _("You ended it"),
        "declined": _("You declined it"),
        "paused_by_agent": _("Paused by you"),
        "agent_absent": _("Paused: you were away"),
    },
}
INTERVALS = {**PAUSE_REASONS, "active": _("Conversation"), "transfer": _("Handed over")}
PEERS = {"typing": _("is typing…"), "online": _("online"), "away": _("away")}
AVAILABILITIES = {
    "available": _("Available"),
    "busy": _("Busy"),
    "absent": _("Not here now"),
    "away": _("Takes no requests now"),
}
WHENS = {"here": _("Here now"), "open": _("Open now, by their hours")}
ORDERS = {"price": _("Price"), "rating": _("Rating"), "wait": _("Usual wait")}
WEEKDAYS = {
    "monday": _("Monday"),
    "tuesday": _("Tuesday"),
    "wednesday": _("Wednesday"),
    "thursday": _("Thursday"),
    "friday": _("Friday"),
    "saturday": _("Saturday"),
    "sunday": _("Sunday"),
}
# Of whoever sets the server up: what is to be done, and why.
STEPS = {
    "agent": (_("Add the first agent"), _("Somebody whom clients can ask.")),
    "price": (_("Set a price"), _("What a minute with an agent costs; until then it is free.")),
    "operator": (_("Say whose server it is"), _("Name and address, as they stand on receipts.")),
    "address": (_("Give it an address with TLS"), _("The https address that people type, in CHAT_URL.")),
    "mail": (_("Set up mail"), _("For invitations, new passwords and receipts.")),
    "backup": (_("Take a backup"), _("With “tete-a-tete backup”; each night, if the timer is on.")),
    "conversation": (_("Try a conversation"), _("Ask as a client, answer as the agent.")),
}
ROLES = {"client": _("Client"), "agent": _("Agent"), "admin": _("Administrator")}
LEDGER = {
    "top_up": _("Top-up"),
    "refund": _("Refund"),
    "minute": _("Minute"),
    "minute_refund": _("Minute given back"),
    "credit": _("Credit"),
}
PAYOUTS = {"payout": _("Paid out"), "taken_back": _("Reversed")}
REPORTS = {
    "abuse": _("Insults or threats"),
    "fraud": _("Fraud or false promises"),
    "spam": _("Advertising"),
    "danger": _("Somebody is in danger"),
    "other": _("Something else"),
}
AUDIT = {
    "signed_in": _("Signed in"),
    "code_failed": _("Wrong code of the second step"),
    "user_created": _("Added somebody"),
    "user_changed": _("Changed somebody's name or sentence"),
    "rate_changed": _("Changed the rate"),
    "share_changed": _("Changed the share"),
    "disabled": _("Disabled"),
    "enabled": _("Enabled"),
    "signed_out": _("Signed somebody out"),
    "password_link": _("Made a link for a new password"),
    "password_changed": _("Changed the password"),
    "invited": _("Made an invitation"),
    "totp_on": _("Turned the second step on"),
    "totp_off": _("Turned the second step off"),
    "totp_reset": _("Reset somebody's second step"),
    "top_up": _("Topped up"),
    "refund": _("Paid a balance back"),
    "sent_back": _("Sent a payment back"),
    "paid_out": _("Recorded a payout"),
    "taken_back": _("Reversed a payout"),
    "credited": _("Wrote a credit note"),
    "answered": _("Answered about a receipt"),
    "transcript_read": _("Read a conversation"),
    "searched": _("Searched conversations"),
    "report_done": _("Handled a report"),
    "file_read": _("Read a client's file"),
    "note_deleted": _("Deleted a note about a client"),
    "blocked": _("Blocked for all agents"),
    "unblocked": _("Let somebody ask again"),
    "currency_changed": _("Changed the currency"),
    "token_made": _("Made a token"),
    "token_revoked": _("Revoked a token"),
    "webhook_added": _("Added a webhook"),
    "webhook_changed": _("Changed a webhook"),
    "webhook_removed": _("Removed a webhook"),
    "widget_added": _("Added a widget"),
    "widget_changed": _("Changed a widget"),
    "widget_revoked": _("Revoked a widget"),
    "message_sent": _("Wrote a message for somebody"),
    "demo_made": _("Made a demonstration"),
    "erased": _("Erased somebody"),
    "exported": _("Exported what is kept of somebody"),
    "role_changed": _("Changed somebody's role"),
    "review_hidden": _("Hid what was said of an agent"),
    "review_shown": _("Showed again what was said of an agent"),
}
HOOKS = {
    "message.created": _("A message was sent"),
    "message.edited": _("A message was edited"),
    "message.deleted": _("A message was deleted"),
    "session.created": _("A conversation was asked for"),
    "session.accepted": _("An agent accepted"),
    "session.paused": _("A conversation was paused"),
    "session.resumed": _("A conversation went on"),
    "session.handed_over": _("A conversation was handed over"),
    "session.ended": _("A conversation ended"),
    "receipt.issued": _("A receipt was issued"),
    "receipt.credited": _("A credit note was written"),
    "webhook.test": _("Test"),
}
DELIVERIES = {"waiting": _("Waiting"), "delivered": _("Arrived"), "given_up": _("Given up")}
HOOK_PROBLEMS = {
    "status": _("It answered with another status than 2xx."),
    "timeout": _("It did not answer in time."),
    "private": _("It is at a private address, which CHAT_WEBHOOKS_ANYWHERE does not allow."),
    "unknown_host": _("There is no such host."),
    "unreachable": _("It cannot be reached."),
    "tls": _("Its certificate is not valid."),
    "too_old": _("It waited for too long."),
    "no_http": _("What it answered is no HTTP."),
    "failed": _("It failed here; the server's log says why."),
}
PROBLEMS = {
    "internal_error": _("Something went wrong on the server."),
    "invalid_request": _("The request cannot be read."),
    "invalid_parameter": _("A value is missing or not acceptable."),
    "not_authenticated": _("Sign in first."),
    "invalid_credentials": _("The email or the password is wrong."),
    "code_needed": _("Enter the code of your authenticator."),
    "code_wrong": _("The code is wrong, or was used before; wait for the next one."),
    "second_step_required": _("Set up the second step first: sign in on the page."),
    "not_found": _("There is nothing here, or it is not yours."),
    "cross_site": _(
        "This came from another site's page, or the proxy in front does not pass the Host header."
    ),
    "origin_not_allowed": _("This website may not show this chat: its administrator can allow it."),
    "other_user": _("Somebody else is signed in in this browser; load the page again."),
    "form_expired": _("This form is from an earlier sign-in; send it again."),
    "forbidden": _("This is not for your side to do."),
    "method_not_allowed": _("This address does not take that method."),
    "email_taken": _("This email belongs to an account already."),
    "session_ended": _("The conversation has ended."),
    "session_paused": _(
        "The conversation is paused, and there is no room for more until it goes on: who paused it goes on; "
        "if the money ran out, the client tops up or raises the limit."
    ),
    "wrong_status": _("The conversation is no longer in a state for this."),
    "agent_unavailable": _("This agent takes no requests at the moment."),
    "agent_absent": _("This agent is not here now. Ask another one, or whoever is free first."),
    "not_for_client": _("This agent is not available for this conversation; choose another one."),
    "nobody_for_client": _("No agent is available for you. Whoever runs this server can tell you more."),
    "person_erased": _("This person is erased; there is nothing of them to change."),
    "still_needed": _("Something of this person has to be seen to first."),
    "too_late": _("This message can no longer be changed."),
    "report_open": _("You have reported this already, and it is being looked at."),
    "already_answered": _("You have answered this request already."),
    "too_many": _("There are as many as there can be; remove one first."),
    "rate_changed": _("A minute costs more by now than what was shown. This is the price now; ask again."),
    "offer_changed": _("What is offered is no longer what was shown. Look at it, and answer again."),
    "spending_limit_reached": _("The spending limit is used up; raise it first."),
    "insufficient_balance": _("The balance does not pay for the next minute."),
    "idempotency_mismatch": _(
        "This form was sent before, with other content; look at what has come of it, and send it again."
    ),
    "cursor_reset": _("The page is ahead of the server; load it again."),
    "body_too_large": _("That is too long."),
    "attachment_too_large": _("The file is larger than may be sent here."),
    "attachments_used_up": _("The files that you have sent take all the room that there is for them."),
    "attachment_not_allowed": _("Files of this kind cannot be sent here."),
    "storage_full": _("The file cannot be kept right now; nothing was sent. Try again later."),
    "picture_too_large": _("The picture is too large; make it smaller, and send that."),
    "unreadable_picture": _("This is no picture that can be read; save it anew, and send that."),
    "address_too_long": _("That is too long."),
    "headers_too_large": _("That is too long."),
    "request_timeout": _("The line is too slow; try again."),
    "expectation_failed": _("The server does not read this format."),
    "unknown_method": _("The server does not read this format."),
    "unsupported_media_type": _("The server does not read this format."),
    "wrong_websocket_version": _("The server does not read this format."),
    "too_many_requests": _("Too many attempts; wait a while."),
    "too_many_top_ups": _("Too many top-ups are open: pay one of them, or wait until one closes."),
    "payment_refused": _("The payment provider refused; no money has moved."),
    "payment_unavailable": _("The payment provider does not answer; nothing is lost. Try again in a moment."),
    "overloaded": _("The server is busy; try again in a moment."),
    "database_unavailable": _("The database cannot be used right now; nothing was changed."),
    "not_ready": _("This server is not ready; `checks` says why."),
}
# Of a picture in a conversation, in CSS pixels.
SHOWN_SIDE = 320
# What a message may be refused for: the only requests whose refusals scripts put into words.
OF_SENDING = (
    *("invalid_request", "invalid_parameter", "not_authenticated", "cross_site", "not_found", "other_user"),
    *(
        "request_timeout",
        "session_ended",
        "session_paused",
        "idempotency_mismatch",
        "body_too_large",
        "address_too_long",
    ),
    *(
        "address_too_long",
        "unsupported_media_type",
        "expectation_failed",
        "too_many_requests",
        "headers_too_large",
    ),
    *("attachment_too_large", "attachments_used_up", "attachment_not_allowed", "storage_full"),
    *("picture_too_large", "unreadable_picture"),
    *("internal_error", "overloaded", "database_unavailable"),
)
# And beside that an edit of one.
OF_EDITING = ("forbidden", "too_late")
FIELDS = {
    "email": _("Enter an email address, like name@example.org."),
    "password": _("A password has 8 to 1000 characters."),
    "new_password": _("A password has 8 to 1000 characters."),
    "name": _("A name has 1 to 100 characters."),
    "headline": _("At most 200 characters."),
    "message": _("A message has 1 to 4000 characters."),
    "file": _("The file is empty."),
    "shortcut": _("1 to 30 letters, digits, hyphens or underscores."),
    "rate": _("Enter an amount in %(currency)s, like %(example)s."),
    "max_rate": _("Enter what a minute may cost at most, in %(currency)s, like %(example)s."),
    "amount": _("Enter an amount in %(currency)s, like %(example)s."),
    "spending_limit": _(
        "Enter an amount in %(currency)s, like %(example)s, not below what it costs already."
    ),
    "share": _("Enter whole per cent, from 0 to 100."),
    "rating": _("Choose one to five stars."),
    "comment": _("That is too long."),
    "reason": _("Say why, in 1 to 500 characters."),
    "remark": _("Write 1 to 2000 characters."),
    "answer": _("An answer has 1 to 1000 characters."),
    "text": _("A note has 1 to 4000 characters."),
    "note": _("At most 2000 characters."),
    "confirm": _("Confirm that this cannot be undone."),
    "month": _("A month is written like 2026-11."),
    "label": _("A label has 1 to 100 characters."),
    "origins": _("Enter one to twenty addresses that begin with https, without a path."),
    "url": _("Enter a public address that begins with https."),
    "events": _("Choose at least one."),
    "code": _("The command “tete-a-tete set-up” prints it."),
    "hours": _("Write hours like 9:00-12:30, 14:00-18:00; past midnight 20:00-2:00; nothing is a day off."),
    "special_days": _("Each needs a date, and a last day not before it; hours are like 9:00-12:30."),
    "time_zone": _("Choose one of the list."),
    "holidays": _("Choose one of the list."),
    "languages": _("Choose from the list."),
    "picture": _("Choose a picture."),
}
# Why somebody cannot be erased yet, and how many or how much it is.
OBSTACLES = {
    "sessions": _(
        "Conversations of theirs go on: %(value)s. They end first, or either side ends them.", value="{}"
    ),
    "balance": _("%(value)s of their balance are left: pay them back first.", value="{}"),
    "owed": _("%(value)s are owed to them: pay them out first, and record it.", value="{}"),
    "top_ups": _("A top-up that they have begun may still be paid: it closes within a day."),
    "reports": _("A report of theirs, or of a conversation of theirs, waits: see to it first."),
    "last_administrator": _("They are the last administrator: make another one first."),
}
# Of settings, where it is a word.
UNITS = {
    "URL": _("URL"),
    "address": _("address"),
    "amount": _("amount"),
    "attempts": _("attempts"),
    "bytes": _("bytes"),
    "days": _("days"),
    "held polls": _("held polls"),
    "key": _("key"),
    "messages": _("messages"),
    "minor units": _("minor units"),
    "names": _("names"),
    "path": _("path"),
    "per cent": _("per cent"),
    "processes": _("processes"),
    "proxies": _("proxies"),
    "requests": _("requests"),
    "s": _("s"),
    "sessions": _("sessions"),
    "text": _("text"),
    "threads": _("threads"),
    "top-ups": _("top-ups"),
    "writes": _("writes"),
}
# In minor units.
EXAMPLE = 1250
# Of requests that nobody accepted, with what to do about it.
UNANSWERED = {
    "expired": _("Nobody was free in time. It has cost nothing, and your words are kept."),
    "declined": _("The agent cannot take it now. It has cost nothing, and your words are kept."),
    "cancelled": _("You took your request back. It has cost nothing, and your words are kept."),
}
NOTICES = {
    "not_paid": _("Nothing was paid."),
    "saved": _("Saved."),
    "link_sent": _(
        "If there is an account with this address, a link for a new password is on its way. It works for an "
        "hour."
    ),
    "mailed": _("The link is on its way by mail."),
    "welcome": _("Welcome!"),
    "too_late": _("That took too long. Sign in again."),
    "signed_out": _("You are signed out."),
    "password": _("The password is changed; other devices are signed out."),
    "widget_revoked": _("Revoked: no website shows it any more."),
    "keeping_sent": _("If this address has no account here yet, a link is on its way to it."),
    "revoked": _("Revoked. Whatever used it is signed out."),
    "password_and_tokens": _(
        "The password is changed; other devices are signed out, and API tokens revoked."
    ),
    "sent": _("Sent; how it went is below in a moment."),
    "rated": _("Thank you for your rating."),
    "deleted": _("Deleted."),
    "erased": _("Erased. What they wrote is deleted within seconds."),
    "erased_already": _("This person was erased before."),
    "asked": _("Sent."),
    "reported": _("Thank you: whoever runs this server looks at it."),
    "blocked": _("Blocked: no more requests of theirs reach you."),
    "unblocked": _("They can ask you again."),
    "credited": _("The credit note is written."),
}
# What the scripts of a page say by themselves.
SCRIPT = {
    "live": _("Live"),
    "stream": _("Live, by stream"),
    "websocket": _("Live, by WebSocket"),
    "polling": _("Polling every 3 s"),
    "offline": _("Offline, trying again"),
    "stopped": _("Stopped"),
    "sending": _("Sending…"),
    "sent": _("Sent"),
    "read": _("Read"),
    "failed": _("Not sent"),
    "retry": _("Try again"),
    "edit": _("Edit"),
    "remove": _("Remove"),
    "signed_out": _("Not sent: sign in again."),
    "sign_in": _("Sign in"),
    "other_user": _("Not sent: {name} is signed in in this browser now."),
    "no_reader": _("You are signed out. This page goes on when you are signed in again."),
    "other_reader": _("{name} is signed in in this browser now. This page goes on when you are again."),
    "restored": _("The server went back to a backup: this page may show what is no longer there."),
    "copy_first": _("Copy first what you have typed."),
    "go_on_and_send": _("Go on, and send it"),
    "kept": _("It is kept on this device."),
    "not_kept": _("Copy it first: this browser keeps nothing."),
    "reload": _("Load the page again"),
    "too_long": _("Too long by {count}: at most {most} characters. Nothing was sent."),
    "copied": _("Copied"),
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "new_request": _("New request"),
    "accepted": _("Your request is accepted"),
    "unanswered": _("No answer for %(time)s", time="{time}"),
    "picture": _("Picture: %(name)s", name="{text}"),
    "file": _("File: %(name)s", name="{text}"),
    "cancel_upload": _("Cancel"),
    "attachment_empty": _("{name} is empty."),
    "attachment_too_large": _("{name} is too large: at most {size}."),
    "attachment_not_allowed": _("{name} is of a kind that cannot be sent here."),
    "handover": _("Handed over: %(note)s", note="{note}"),
    "deleted": _("These words were deleted."),
    "deleted_by_writer": _("This message was deleted by its writer."),
    "edited": _("edited"),
    "editing": _("You are editing your message."),
    "gone": _("This request is gone: another agent has accepted it, or it was taken back."),
    "a_minute": _("%(price)s a minute", price="{price}"),
    "agree": _(
        "Agree to %(agent)s, with obligation to pay, %(price)s a minute", agent="{agent}", price="{price}"
    ),
}
# What is told of a session among its messages; {…} is filled in here, and by static/js/messages/events.js.
EVENTS = {
    "accepted": _("{agent} has accepted: {price} a minute."),
    "clock_started": _("The clock has started: {price} a minute."),
    "clock_started_free": _("The clock has started. The first {length} min are free, then {price} a minute."),
    "resumed": _("It goes on after {length} min."),
    "paused_often": _("{what} · {count} times, {length} min in all"),
    "handed_over": _("Handed over to {agent}: {price} a minute."),
    "limit_changed": _("The limit is {price} now."),
    "limit_changed_none": _("There is no limit any more."),
    "ended_paid": _("{what} · {minutes} min, {price}"),
}

# What the check of the line finds; {…} is filled in by static/js/diagnosis.js.
DIAGNOSIS = {
    "waiting": _("Not checked yet."),
    "running": _("Checking…"),
    "cancelled": _("Cancelled."),
    "refused": _("The server itself refused the check ({code}). This says nothing about the line."),
    "unreachable": _("Nothing came back at all: the server, or the way to it, is down."),
    "hold_ok": _("The request was held for {seconds} s and came back at once after that."),
    "hold_cut": _(
        "The request should have been held for {wanted} s and was cut before. Something in between has less "
        "patience."
    ),
    "hold_lost": _(
        "The request should have been held for {wanted} s. After {seconds} s there was no answer yet."
    ),
    "hold_status": _(
        "The request should have been held for {wanted} s. After {seconds} s something in between answered "
        "with status {status} in the server's place."
    ),
    "hold_late": _("The server answered after {held} s, and the answer arrived after {seconds} s only."),
    "hold_released": _("The server let the request go after {held} s, because it stopped. Check again."),
    "stream_ok": _("All {count} events arrived one by one, as they were sent."),
    "stream_together": _(
        "All {count} events arrived together, after {seconds} s: something in between collects them first."
    ),
    "stream_cut": _("Only {arrived} of {count} events arrived: something in between cut the stream."),
    "socket_ok": _("The connection was upgraded, and a frame went there and back."),
    "socket_refused": _("The upgrade to a WebSocket was refused. Messages go over the other ways instead."),
    "socket_silent": _("The connection was opened, and the frame did not come back."),
    "address_ok": _("Address, scheme and host arrive: {address}, {scheme}, {host}."),
    "address_host": _("The browser asked for {wanted}, and the server was told {host}."),
    "address_scheme": _(
        "The browser speaks {wanted}, and the server was told nothing of it: it sees {scheme}."
    ),
    "address_distrusted": _(
        "The proxy says {wanted}, and the server does not believe it, because {address} is not on its list. "
        "Start the server with FORWARDED_ALLOW_IPS={address} in its environment."
    ),
    "address_client": _("The server sees the proxy's address, {address}, and not the client's."),
    "well": _("The line is in order."),
    "wrong": _("Something is to be changed. What, and how, is below."),
}


def of_problem(code: str, field: str | None = None, least: Cents | None = None) -> str:
    """What is wrong, and what would be right: so much, if it was below the `least`."""
    if least is not None:
        return str(_("At least %(price)s, which is what it costs or begins with.")) % {
            "price": money(least, Cents.currency)
        }
    wanted = FIELDS.get((field or "").partition(".")[0]) if code == "invalid_parameter" else None
    text = str(wanted or PROBLEMS[code])
    return text % {"currency": Cents.currency, "example": typed(EXAMPLE)} if "%(" in text else text


def of_obstacle(code: str, value: Any) -> str:
    """What has to be seen to first."""
    return str(OBSTACLES[code]).format(money(value, value.currency) if isinstance(value, Cents) else value)


def of_session(session: Summary, role: str = "") -> str:
    """Its status, with the reason where there is one; to a reader of this role, who may have been the one."""
    if session["status"] == "ended":
        return _of_reasons(END_REASONS, role)[session["end_reason"] or ""]
    if session["status"] == "paused":
        return _of_reasons(PAUSE_REASONS, role)[session["pause_reason"] or ""]
    return str(STATUSES[session["status"]])


def of_event(event: Event, currency: str, role: str = "") -> str:
    """What happened, in the language of the request; static/js/messages/events.js says the same."""
    reasons = {**_of_reasons(END_REASONS, role), **_of_reasons(PAUSE_REASONS, role)}
    amount = event.get("total_cost", event.get("rate_per_minute", event.get("spending_limit")))
    seconds = event.get("free_seconds", 0) or event.get("seconds", 0)
    more = (
        ("_free" if event.get("free_seconds") else "")
        + ("_none" if event.get("spending_limit", 0) is None else "")
        + ("_paid" if "total_cost" in event else "")
    )
    return str(EVENTS.get(event["code"] + more, "{what}")).format(
        what=reasons.get(event.get("reason") or "", str(STATUSES["paused"])),
        # A name has a direction of its own.
        agent=f"\u2068{event['agent']['name']}\u2069" if "agent" in event else "",
        price="" if amount is None else money(amount, currency),
        length=f"{seconds // 60}:{seconds % 60:02d}",
        count=event.get("count", 0),
        minutes=event.get("minutes", 0),
    )


def _of_reasons(reasons: Mapping[str, Any], role: str) -> dict[str, str]:
    own = OWN.get(role, {})
    return _told({name: own.get(name, word) for name, word in reasons.items()})


def in_script(name: str, **values: str) -> str:
    """What a script would say, with what it fills in."""
    return str(SCRIPT[name]).format(**values)


def last_of(last: LastMessage) -> str:
    """The newest message in a list; static/js/inbox.js says the same."""
    if not last["message"]:
        return str(SCRIPT["deleted"])
    kind = last["attachment"]
    return in_script(kind, text=last["message"]) if kind else last["message"]


def shown(picture: Attachment) -> tuple[int, int]:
    """How large a conversation shows it; static/js/messages/attachment.js says the same."""
    width, height = picture["width"] or 1, picture["height"] or 1
    part = min(1, SHOWN_SIDE / max(width, height))
    return max(1, round(width * part)), max(1, round(height * part))


def states(session: Summary) -> set[str]:
    """What elements with `data-when` are shown for; static/js/session.js says the same."""
    return {
        session["status"],
        str(session["pause_reason"]),
        *(["unanswered" if session["end_reason"] in UNANSWERED else "over"] if session["end_reason"] else []),
        *(["silent"] if session["is_silent"] and session["is_clock_running"] else []),
        *(["transfer"] if session["transfer"] else []),
        *(["running"] if session["is_clock_running"] else []),
        *(["prepaid"] if session["is_prepaid"] else []),
        *(["limited"] if session["spending_limit"] is not None else []),
        *(["scarce"] if session["is_clock_running"] and is_scarce(session) else []),
    }


def is_scarce(session: Summary) -> bool:
    """Whether the money lasts for two minutes at most."""
    return session["seconds_left"] is not None and session["seconds_left"] <= 120


def for_diagnosis() -> dict[str, str]:
    """Those of the check of the line."""
    return _told(DIAGNOSIS)


def for_scripts(role: str) -> dict[str, Any]:
    """Those that the scripts of a page for this role need."""
    return {
        **_told(SCRIPT),
        # The last is no status of the wire: of a page whose agent has it no longer.
        "statuses": _told({**STATUSES, "handed_over": INTERVALS["transfer"]}),
        "end_reasons": _of_reasons(END_REASONS, role),
        "pause_reasons": _of_reasons(PAUSE_REASONS, role),
        "peers": _told(PEERS),
        "events": _told(EVENTS),
        **({"availabilities": _told(AVAILABILITIES)} if role == "client" else {}),
        "problems": _told({name: PROBLEMS[name] for name in (*OF_SENDING, *OF_EDITING)}),
    }


def _told(words: Mapping[str, Any]) -> dict[str, str]:
    """In the language of the request."""
    return {name: str(word) for name, word in words.items()}
