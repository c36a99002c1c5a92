"""The rows that the store gives: their keys, types and units.

Instants (`…_at`, `…_since`) are milliseconds since 1970, UTC; flags (`is_…`) are 0 or 1; amounts (`…_cents`)
are minor units of the row's currency, or else of the database's. At run time a row is whatever can be asked
for these keys.
"""

from typing import Literal, NotRequired, final

from typing_extensions import TypedDict

Side = Literal["client", "agent"]
AttachmentKind = Literal["picture", "file"]
Status = Literal["waiting", "active", "paused", "ended"]
EndReason = Literal[
    "ended_by_client", "ended_by_agent", "declined", "cancelled", "expired", "inactive", "spending_limit"
]
PauseReason = Literal[
    "paused_by_client",
    "paused_by_agent",
    "client_absent",
    "agent_absent",
    "outage",
    "inactive",
    "spending_limit",
    "balance",
]
IntervalReason = PauseReason | Literal["active", "transfer"]

ReportReason = Literal["abuse", "fraud", "spam", "danger", "other"]

AuditKind = Literal[
    "signed_in",
    "code_failed",
    "user_created",
    "user_changed",
    "rate_changed",
    "share_changed",
    "disabled",
    "enabled",
    "signed_out",
    "password_link",
    "password_changed",
    "invited",
    "totp_on",
    "totp_off",
    "totp_reset",
    "top_up",
    "refund",
    "sent_back",
    "paid_out",
    "taken_back",
    "credited",
    "answered",
    "transcript_read",
    "searched",
    "report_done",
    "file_read",
    "note_deleted",
    "blocked",
    "unblocked",
    "currency_changed",
    "token_made",
    "token_revoked",
    "webhook_added",
    "webhook_changed",
    "webhook_removed",
    "widget_added",
    "widget_changed",
    "widget_revoked",
    "message_sent",
    "demo_made",
    "erased",
    "exported",
    "role_changed",
    "review_hidden",
    "review_shown",
]


class ChangedRow(TypedDict):
    """As much of a chat session as tells who has to hear of its change."""

    id: int
    client_id: int
    agent_id: int | None
    previous_agent_id: int | None
    is_for_any: int
    status: Status
    owner_revision: int
    revision: int


class StandingRow(TypedDict):
    """As much of a chat session as tells what somebody lacks who has its older messages."""

    id: int
    status: Status
    client_id: int
    revision: int
    last_message_id: int
    client_delivered_id: int
    agent_delivered_id: int


class HeadRow(StandingRow):
    """The same, with the revision of the last change of all."""

    head: int


class PeerRow(StandingRow):
    """The same, and how the other side is."""

    client_seen_at: int
    agent_seen_at: int


class TermsRow(TypedDict):
    """How a session is charged, whoever the agent is."""

    first_increment_seconds: int
    next_increment_seconds: int
    minimum_cents: int


class SessionRow(ChangedRow, PeerRow, TermsRow):
    """A chat session, with both people's names and last signs of life, and the client's balance.

    What each column means stands beside it in chat/database/migrations.py.
    """

    end_reason: EndReason | None
    created_at: int
    accepted_at: int | None
    active_since: int | None
    paused_at: int | None
    ended_at: int | None
    pause_reason: PauseReason | None
    last_activity_at: int
    prompted_at: int | None
    client_read_id: int
    agent_read_id: int
    rate_cents: int
    max_rate_cents: int
    currency: str
    free_seconds: int
    free_agent_id: int | None
    is_prepaid: int
    limit_cents: int | None
    warned_seconds: int | None
    is_clock_started: int
    clock_started_at: int | None
    billed_ms: int
    running_since: int | None
    stopped_at: int | None
    steady_from_ms: int | None
    billed_seconds: int
    earlier_seconds: int
    earlier_cent_seconds: int
    paid_minutes: int
    paid_cents: int
    segment: int
    agent_since: int | None
    excused_at: int | None
    total_cents: int | None
    transfer_agent_id: int | None
    transfer_rate_cents: int | None
    rating: int | None
    rating_comment: str | None
    due_at: int | None
    events_revision: int
    edited_revision: int
    words_gone_at: int | None
    client_name: str
    agent_name: str | None
    transfer_agent_name: str | None
    transfer_seen_at: int | None
    transfer_available: int | None
    transfer_open_sessions: int
    balance_cents: int


class CardRow(SessionRow):
    """A chat session in somebody's inbox; `unread` stops at 100, `last_message` at 200 characters.

    `offered_cents` is what a minute of a request would bring the agent who looks at it; since
    `unanswered_since` the client of a conversation waits for an answer. `handover_note` is what a colleague
    wrote who handed it over, until the agent has written in it.
    """

    offered_cents: int | None
    unanswered_since: int | None
    client_language: str | None
    handover_note: str | None
    last_message: str | None
    last_attachment: AttachmentKind | None
    last_sender_type: Side | None
    last_message_at: str | None
    unread: int


class AgreedRow(TypedDict):
    """What was agreed to as this agent accepted or took over, at that instant."""

    agent_since: int
    agent_id: int
    agent_name: str
    rate_cents: int


class LimitRow(TypedDict):
    """What a client has set the spending limit to."""

    limit_cents: int | None
    created_at: int


class Attachment(TypedDict):
    """A file that was sent, as the wire shows it; a picture has a size, in pixels, and a thumbnail."""

    name: str
    type: str
    bytes: int
    width: int | None
    height: int | None
    url: str
    thumbnail_url: str | None


@final
class Message(TypedDict):
    """A message, as the wire shows it: instants are `YYYY-MM-DD HH:MM:SS` UTC, flags 0 or 1.

    An empty `message` is one whose words are deleted; `is_deleted` if its writer did it. `edited_at` is when
    they last edited or deleted it.
    An empty `message` is one whose words are deleted. With an `attachment` and no words it is its name.
    """

    id: int
    chat_session_id: int
    sender_type: Side
    sender_id: int
    sender_name: str
    message: str
    created_at: str
    is_read: int
    edited_at: str | None
    is_deleted: int
    client_message_id: str | None
    revision: int
    attachment: NotRequired[Attachment]


class AttachmentRow(TypedDict):
    """A file of the message with this id; `digest` is that of all that was sent, by which a retry is known.

    `content` and `thumbnail` are names in the folder of contents.
    """

    id: int
    user_id: int
    name: str
    type: str
    bytes: int
    width: int | None
    height: int | None
    content: str
    thumbnail: str | None
    digest: str


class SentRow(TypedDict):
    """A message that was sent before, found by its key."""

    id: int
    message: str
    edited_at: int | None
    digest: str | None


class IntervalRow(TypedDict):
    """A billing interval, with its agent's name."""

    id: int
    chat_session_id: int
    agent_id: int
    agent_name: str
    rate_cents: int
    reason: IntervalReason
    started_at: int
    ended_at: int | None
    first_message_id: int | None
    last_message_id: int | None
    share_percent: int


class LedgerRow(TypedDict):
    """A change of a prepaid balance."""

    id: int
    user_id: int
    kind: Literal["top_up", "refund", "minute", "minute_refund", "credit"]
    amount_cents: int
    currency: str
    chat_session_id: int | None
    segment: int | None
    minute: int | None
    actor_id: int | None
    reason: str
    created_at: int
    key: str | None


class PaymentRow(TypedDict):
    """What a client asked to pay through a provider; without `ledger_id` it is not paid."""

    id: int
    reference: str
    user_id: int
    provider: str
    amount_cents: int
    currency: str
    key: str | None
    created_at: int
    checkout_id: str | None
    url: str | None
    provider_id: str | None
    ledger_id: int | None
    paid_at: int | None
    expired_at: int | None


class PaidBackRow(TypedDict):
    """What goes back of a payment."""

    id: int
    payment_id: int
    reference: str
    amount_cents: int
    status: Literal["pending", "done", "refused"]
    actor_id: int | None
    key: str
    ledger_id: int | None
    created_at: int
    provider_id: str | None


class PayoutRow(TypedDict):
    """What an agent was paid, or (below zero) what of it was taken back."""

    id: int
    agent_id: int
    kind: Literal["payout", "taken_back"]
    amount_cents: int
    currency: str
    key: str | None
    actor_id: int | None
    reason: str
    created_at: int


BookKind = Literal["terms", "share", "receipt", "credit", "ledger", "payout", "payment", "refund"]
# What is in the books row by row, as it is in its own table.
SealedKind = Literal["ledger", "payout", "payment", "refund"]


class BookRow(TypedDict):
    """An entry of the books; all but `sequence` and `hash` is in its `content`, which is JSON."""

    sequence: int
    content: str
    hash: str
    kind: BookKind
    number: int
    chat_session_id: int | None
    issued_at: int
    previous_hash: str
    key: str | None


class MonthRow(TypedDict):
    """How many receipts and credits there are of a time, and what they come to."""

    receipts: int
    credits: int
    total_cents: int
    credited_cents: int


class RemarkRow(TypedDict):
    """What somebody said about a receipt."""

    id: int
    chat_session_id: int
    user_id: int
    name: str
    role: Literal["client", "agent", "admin"]
    remark: str
    created_at: int


class WrongBalanceRow(TypedDict):
    """A user whose balance is not the sum of their ledger."""

    id: int
    balance_cents: int
    ledger_cents: int


class UserRow(TypedDict):
    """Somebody; `language` None is whatever the browser asks for."""

    id: int
    role: Literal["client", "agent", "admin"]
    name: str
    email: str
    password_hash: str
    created_at: int
    seen_at: int
    here_since: int
    rate_cents: int
    is_available: int
    balance_cents: int
    share_percent: int | None
    language: str | None
    headline: str
    disabled_at: int | None
    totp_key: str | None
    totp_step: int
    is_mailed: int
    erased_at: int | None
    words_gone_at: int | None
    widget_id: int | None


class ValidRow(TypedDict):
    """A sign-in that is valid."""

    id: int
    created_at: int
    expires_at: int


class TokenRow(ValidRow):
    """A token for a program that is valid."""

    label: str
    used_at: int | None
    token_hash: bytes


class SignedInRow(TypedDict):
    """Whom a token signs in; one with a label is a program's."""

    id: int
    role: str
    name: str
    language: str | None
    label: str | None


class PayeeRow(TypedDict):
    """As much of an agent as a chat session takes over when they accept it."""

    id: int
    name: str
    rate_cents: int
    seen_at: int


class ProfileRow(TypedDict):
    """What an agent says on their page, as chat/hours.py reads it; None of one who has said nothing."""

    languages: str | None
    time_zone: str | None
    hours: str | None
    special_days: str | None
    holidays: str | None


class ReviewRow(TypedDict):
    """What a client wants others to read of their rating."""

    chat_session_id: int
    hidden_at: int | None
    client_id: int
    client_name: str
    rating: int
    rating_comment: str
    ended_at: int


class AgentRow(PayeeRow, ProfileRow):
    """An agent in a client's list; `rating` is the mean of `ratings` ones, `portrait` a hash."""

    headline: str
    portrait: str | None
    is_available: int
    is_for_client: int
    open_sessions: int
    ratings: int
    rating: float | None


class BlockRow(TypedDict):
    """An agent who does not want to hear from a client; without one, all of them."""

    id: int
    client_id: int
    client_name: str
    agent_id: int | None
    agent_name: str | None
    reason: str
    created_at: int


class ReportRow(TypedDict):
    """What somebody reports of a chat session; it is open until it is done."""

    id: int
    chat_session_id: int
    reporter_id: int
    reporter_name: str
    reporter_role: Side
    client_id: int
    client_name: str
    agent_id: int | None
    agent_name: str | None
    reason: ReportReason
    remark: str
    created_at: int
    done_at: int | None
    done_by: int | None
    note: str


class SecondStepRow(TypedDict):
    """A sign-in that waits for a code; with a key, that is being set up."""

    user_id: int
    totp_key: str | None


class MissedRow(TypedDict):
    """A request to any agent that nobody took, with what the agent wrote to it; `answers` are everybody's."""

    id: int
    client_id: int
    client_name: str
    created_at: int
    end_reason: EndReason
    message: str | None
    own_message: str | None
    answers: int


class AnswerRow(TypedDict):
    """What an agent wrote to one."""

    id: int
    chat_session_id: int
    agent_id: int
    agent_name: str
    message: str
    created_at: int


class NoteRow(TypedDict):
    """What somebody keeps about a client; `for_id` is whom they handed the session over to with it."""

    id: int
    client_id: int
    author_id: int
    author_name: str
    author_role: Literal["agent", "admin"]
    chat_session_id: int | None
    for_id: int | None
    for_name: str | None
    text: str
    created_at: int
    edited_at: int | None


class AuditRow(TypedDict):
    """What an administrator did (None is the command line), to whom, and of which session."""

    id: int
    created_at: int
    kind: AuditKind
    actor_id: int | None
    actor_name: str | None
    address: str
    user_id: int | None
    user_name: str | None
    chat_session_id: int | None
    detail: str


class LinkRow(TypedDict):
    """A link to sign up with a `role`, or to choose a password: then `email` and `name` are the user's."""

    id: int
    role: str | None
    user_id: int | None
    mailed_to: str | None
    email: str | None
    name: str | None


class WidgetRow(TypedDict):
    """What a website shows: `key` is public, `origins` has a blank between two."""

    id: int
    key: str
    label: str
    origins: str
    created_at: int
    revoked_at: int | None


class HereRow(TypedDict):
    """An agent who is there, since when, and how much they have to do."""

    id: int
    name: str
    is_available: int
    seen_at: int
    here_since: int
    open_sessions: int
    requests: int


class ReplyRow(TypedDict):
    """A canned reply."""

    id: int
    shortcut: str
    message: str


class ShareRow(TermsRow):
    """A billed interval of a transferred session that ended in a `quarter` of an hour since 1970."""

    id: int
    last_agent_id: int
    quarter: int
    free_seconds: int
    agent_id: int
    rate_cents: int
    share_percent: int
    ms: int


class PushRow(TypedDict):
    """A device that takes pushes, of a sign-in that is valid."""

    id: int
    user_id: int
    endpoint: str
    p256dh: bytes
    auth: bytes
    site: str
    language: str
    role: str
    is_looking: int


class DeviceRow(TypedDict):
    """A device that takes pushes, as its user knows it."""

    endpoint: str
    site: str
    language: str
    created_at: int


NoticeKind = Literal["request", "accepted", "message"]


class NoticeRow(TypedDict):
    """What somebody is to be told of a session: of messages, up to which."""

    chat_session_id: int
    user_id: int
    kind: NoticeKind
    message_id: int


MailKind = Literal["receipt", "request", "unread", "answer"]


class MailRow(TypedDict):
    """What somebody is to be told by mail: of a session, or of an answer, or (0) of all that is unread."""

    user_id: int
    kind: MailKind
    about: int


class UnreadRow(TypedDict):
    """What an agent has not read of a client in a session; `last_message` stops at 200 characters."""

    client_name: str
    count: int
    last_message: str
    last_attachment: AttachmentKind | None


class OutboxRow(TypedDict):
    """Something to be sent, and how often it was tried."""

    id: int
    kind: str
    target: str
    payload: str
    until_at: int
    attempts: int


HookEvent = Literal[
    "message.created",
    "message.edited",
    "message.deleted",
    "session.created",
    "session.accepted",
    "session.paused",
    "session.resumed",
    "session.handed_over",
    "session.ended",
    "receipt.issued",
    "receipt.credited",
]
HookProblem = Literal[
    "status", "timeout", "private", "unknown_host", "unreachable", "tls", "no_http", "failed", "too_old"
]
# And what is sent to see whether it arrives.
HookType = HookEvent | Literal["webhook.test"]


class WebhookRow(TypedDict):
    """Where events are sent: `events` has blanks between, `waiting` is how many are to be sent."""

    id: int
    label: str
    url: str
    events: str
    has_words: int
    secret: bytes
    old_secret: bytes
    old_secret_until: int
    created_at: int
    failing_since: int | None
    problem: HookProblem | Literal[""]
    status: int | None
    off_at: int | None
    waiting: int


class DeliveryRow(TypedDict):
    """An event that a webhook is sent, about a session, a message or an entry of the books."""

    id: int
    webhook_id: int
    key: str
    type: HookType
    subject_id: int
    at: int
    data: str
    until_at: int
    attempts: int
    tried_at: int | None
    status: int | None
    problem: HookProblem | Literal[""]
    done_at: int | None


class FoundRow(TypedDict):
    """A message that was searched for, and of whom it is; in the `snippet` what matches is marked."""

    message_id: int
    chat_session_id: int
    sender_type: Side
    sender_name: str
    created_at: int
    snippet: str
    client_id: int
    client_name: str
    agent_id: int | None
    agent_name: str | None


class SaidRow(TypedDict):
    """A message, as it is stored."""

    id: int
    chat_session_id: int
    sender_type: Side
    sender_id: int
    message: str
    created_at: int
    is_deleted: int
    attachment: AttachmentKind | None


def seen_at(row: SessionRow | PeerRow, side: Side) -> int:
    """When that side was last seen."""
    return row["client_seen_at"] if side == "client" else row["agent_seen_at"]


def delivered_id(row: StandingRow, side: Side) -> int:
    """Up to which message everything has arrived at that side."""
    return row["client_delivered_id"] if side == "client" else row["agent_delivered_id"]
