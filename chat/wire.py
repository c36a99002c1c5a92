"""The shapes of the wire: what clients are told of sessions, messages, agents and money.

Instants are text, `YYYY-MM-DD HH:MM:SS` UTC, but for `server_time`, in milliseconds since 1970; amounts are
numbers with the decimals of their currency. docs/api.md says what each field means.
"""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from chat.live.presence import Peer
from chat.money import Cents
from chat.store.rows import (
    AttachmentKind,
    AuditKind,
    EndReason,
    HookEvent,
    HookProblem,
    HookType,
    IntervalReason,
    Message,
    PauseReason,
    ReportReason,
    Side,
    Status,
)

Availability = Literal["available", "busy", "absent", "away"]


class Transfer(TypedDict):
    """The dearer agent whom the client is asked about."""

    agent_id: int
    agent_name: str
    rate_per_minute: Cents
    status: Availability


class Increments(TypedDict):
    """In which steps active time is billed, and the least that a conversation costs that costs anything."""

    first_seconds: int
    next_seconds: int
    minimum_charge: Cents


class Fact(TypedDict):
    """What has happened in a session; docs/api.md says which `code` has which fields."""

    code: Literal[
        "accepted",
        "clock_started",
        "paused",
        "resumed",
        "paused_often",
        "handed_over",
        "limit_changed",
        "ended",
    ]
    reason: NotRequired[PauseReason | EndReason | None]
    agent: NotRequired["Person"]
    rate_per_minute: NotRequired[Cents]
    free_seconds: NotRequired[int]
    spending_limit: NotRequired[Cents | None]
    seconds: NotRequired[int]
    count: NotRequired[int]
    minutes: NotRequired[int]
    total_cost: NotRequired[Cents]


class Event(Fact):
    """The same, with when, and after which message (0 is before all)."""

    at: str
    after_message_id: int


class ExpectedWait(TypedDict):
    """How long the last accepted `requests` had waited: half of them, and nine in ten."""

    requests: int
    half_within_seconds: int
    most_within_seconds: int


class Summary(TypedDict):
    """The `session` object beside messages; `events` where they changed or it was asked for."""

    id: int
    status: Status
    end_reason: EndReason | None
    pause_reason: PauseReason | None
    position: int | None
    expires_at: str | None
    duration_minutes: int
    total_cost: Cents
    duration_seconds: int
    billed_minutes: int
    billed_seconds: int
    cent_seconds: int
    rate_per_minute: Cents | None
    max_rate: Cents
    increments: Increments
    currency: str
    free_seconds: int
    free_seconds_left: int
    is_clock_running: bool
    clock_started_at: str | None
    is_prepaid: bool
    spending_limit: Cents | None
    seconds_left: int | None
    is_silent: bool
    last_message_id: int
    client_read_id: int
    agent_read_id: int
    client_delivered_id: int
    agent_delivered_id: int
    transfer: Transfer | None
    events: NotRequired[list[Event]]
    expected_wait: NotRequired[ExpectedWait | None]


class Participant(TypedDict):
    """One side of a session."""

    id: int
    name: str
    presence: Peer


class Session(Summary):
    """A session with all that its participants may know."""

    client: Participant
    agent: Participant | None
    created_at: str
    accepted_at: str | None
    ended_at: str | None
    waiting_seconds: int | None
    rating: int | None
    rating_comment: str | None
    revision: int


class TimedSession(Session):
    """A session, and when it stood so."""

    server_time: int


class LastMessage(TypedDict):
    """The beginning of a session's newest message, and what was sent with it."""

    message: str
    attachment: AttachmentKind | None
    sender_type: Side
    created_at: str


class Card(TimedSession):
    """A session in the inbox; of a live one also the messages that changed, None if they are too many.

    `offered_rate` is what an agent would get a minute who accepted the request now; None of all else.
    `unanswered_seconds`, how long a client has waited for an answer, their language, and what a colleague
    wrote who handed them over are for agents.
    """

    offered_rate: Cents | None
    unanswered_seconds: int | None
    client_language: str | None
    handover_note: str | None
    unread: int
    last_message: LastMessage | None
    messages: NotRequired[list[Message] | None]


class Opening(TypedDict):
    """Whether it is one of an agent's hours; if so until when (None: around the clock), else from when on
    (None: nobody knows). It is what they plan: `status` is what is."""

    is_open: bool
    until: str | None
    opens_at: str | None


class Agent(TypedDict):
    """An agent, as everybody may see them; `opening` None of one who says nothing of their hours."""

    id: int
    name: str
    headline: str
    languages: list[str]
    picture: str | None
    opening: Opening | None
    rate_per_minute: Cents
    currency: str
    status: Availability
    is_for_you: bool
    is_online: bool
    rating: float | None
    ratings: int


class ListedAgent(Agent):
    """The same, with how long requests to them waited."""

    expected_wait: ExpectedWait | None


class Span(TypedDict):
    """From an instant until another."""

    starts_at: str
    ends_at: str


class SpecialHours(TypedDict):
    """Dates, both included, that have these hours instead of the week's; none is a day off."""

    first: str
    last: str
    hours: list[str]


class Review(TypedDict):
    """What a client said of a conversation and wants others to read; `name` is no more than a first name.

    `is_hidden` tells administrators of what only they see.
    """

    chat_session_id: int
    name: str
    rating: int
    comment: str
    month: str
    is_own: bool
    is_hidden: bool


class AgentPage(ListedAgent):
    """All that an agent says of themselves, and what clients said.

    `hours` are by weekday (`monday`), those that have none left out; `openings` are the next ones.
    """

    time_zone: str
    hours: dict[str, list[str]]
    special_days: list[SpecialHours]
    holidays: str | None
    openings: list[Span]
    reviews: list[Review]
    has_more: bool


class Person(TypedDict):
    """Somebody."""

    id: int
    name: str


class Block(TypedDict):
    """An agent who does not want to hear from a client; None is all of them, by an administrator."""

    id: int
    client: Person
    agent: Person | None
    reason: str
    created_at: str


class Note(TypedDict):
    """What somebody keeps about a client, who never sees it.

    `handed_to` is the colleague to whom the session was handed over with it.
    """

    id: int
    author: Person
    by: Literal["agent", "admin"]
    is_own: bool
    chat_session_id: int | None
    handed_to: Person | None
    text: str
    created_at: str
    edited_at: str | None


class Kept(TypedDict):
    """A note that was written; `duplicate` when it was there already."""

    success: Literal[True]
    note: Note
    duplicate: NotRequired[bool]


class Conversation(TypedDict):
    """An earlier conversation of a client; what it cost and its rating are for whoever was in it, and for
    administrators. `access` is what may be opened of it."""

    id: int
    created_at: str
    status: Status
    agent: Person
    minutes: int
    cost: Cents | None
    currency: str
    rating: int | None
    access: Literal["conversation", "receipt"] | None


class Paid(TypedDict):
    """What a client paid in a currency for conversations that have ended, less what was given back."""

    minutes: int
    amount: Cents
    currency: str


class ClientFile(TypedDict):
    """What is known of a client: to an agent of what they had with them, to administrators of all.

    The block is the reader's own, an administrator's is for all agents; the reports about the client are the
    reader's, or all.
    """

    client: Person
    language: str | None
    since: str
    is_first: bool
    conversation_count: int
    paid: list[Paid]
    block: Block | None
    is_shut_out: bool
    open_reports: int
    done_reports: int
    notes: list[Note]
    has_more_notes: bool
    sessions: list[Conversation]
    has_more: bool


class Blocks(TypedDict):
    """Somebody's, newest first."""

    blocks: list[Block]
    has_more: bool


class Report(TypedDict):
    """What somebody reports of a session; the `note` is for administrators, and None for all others."""

    id: int
    chat_session_id: int
    status: Literal["open", "done"]
    reason: ReportReason
    remark: str
    by: Side
    reporter: Person
    client: Person
    agent: Person | None
    created_at: str
    done_at: str | None
    note: str | None


class Reports(TypedDict):
    """Newest first."""

    reports: list[Report]
    has_more: bool


class AuditEntry(TypedDict):
    """What an administrator did (None is the command line), from which address (empty is the server)."""

    id: int
    created_at: str
    kind: AuditKind
    actor: Person | None
    address: str
    user: Person | None
    chat_session_id: int | None
    detail: str


class Audit(TypedDict):
    """Newest first."""

    entries: list[AuditEntry]
    has_more: bool


class Missed(TypedDict):
    """A request to any agent that nobody took: what was asked, and what the agent has answered."""

    id: int
    client: Person
    created_at: str
    end_reason: EndReason
    message: str | None
    answer: str | None
    answers: int


class MissedOnes(TypedDict):
    """Newest first."""

    missed: list[Missed]
    has_more: bool


class LateAnswer(TypedDict):
    """What an agent wrote to a request that nobody took; asking them is a new request."""

    chat_session_id: int
    agent: Person
    message: str
    created_at: str


class LateAnswers(TypedDict):
    """Newest first."""

    answers: list[LateAnswer]


class Payee(TypedDict):
    """Who was paid for an interval."""

    id: int
    name: str


class Interval(TypedDict):
    """A part of a session, billed or not."""

    started_at: str
    ended_at: str | None
    milliseconds: int
    reason: IntervalReason
    is_billed: bool
    agent: Payee
    rate_per_minute: Cents
    first_message_id: int | None
    last_message_id: int | None


class Charged(TypedDict):
    """`count` increments of `seconds` each that began with this agent, and what they cost together.

    The supplement up to the minimum charge has a `count` of 0. `net_rate` is without tax, four decimals.
    """

    count: int
    seconds: int
    agent: Payee
    rate_per_minute: Cents
    net_rate: str
    amount: Cents


class Entry(TypedDict):
    """A change of a prepaid balance."""

    id: int
    kind: Literal["top_up", "refund", "minute", "minute_refund", "credit"]
    amount: Cents
    chat_session_id: int | None
    minute: int | None
    actor_id: int | None
    reason: str
    created_at: str
    currency: str


class Operator(TypedDict):
    """Who runs the server; the address in lines."""

    name: str
    address: str
    tax_number: str


class Vat(TypedDict):
    """What of an amount is value-added tax, at a `rate` in per cent; or why there is none."""

    rate: str | None
    note: str
    net: Cents
    vat: Cents


class Credit(TypedDict):
    """A credit note: what of a receipt was given back, to the balance or (to be paid back) otherwise."""

    number: int
    receipt: int
    issued_at: str
    amount: Cents
    currency: str
    vat: Vat
    reason: str
    is_to_balance: bool
    hash: str


class Remark(TypedDict):
    """A question about a receipt, or the answer."""

    id: int
    by: Literal["client", "agent", "admin"]
    name: str
    remark: str
    created_at: str


class Receipt(TypedDict):
    """A session's bill in full: the intervals make the minutes, the minutes make the total.

    With a `number` it is as it was issued, names included, but for `session`, `credits` and `remarks`. It
    `is_part` for an agent who handed the session over: their own intervals and minutes.
    """

    server_time: int
    session: Session
    is_final: bool
    is_part: bool
    number: int | None
    issued_at: str | None
    hash: str | None
    operator: Operator
    client: Payee
    agent: Payee | None
    free_seconds: int
    intervals: list[Interval]
    active_milliseconds: int
    active_seconds: int
    charges: list[Charged]
    total_cost: Cents
    vat: Vat
    currency: str
    ledger: list[Entry]
    credits: list[Credit]
    credited: Cents
    remaining: Cents
    remarks: list[Remark]


class Transcript(TypedDict):
    """A whole conversation, and what it costs."""

    session: TimedSession
    messages: list[Message]
    receipt: Receipt


class Payment(TypedDict):
    """A top-up through a provider: to be paid at `url`, which is null until the provider has answered,
    and when it is paid or its page is closed."""

    id: int
    status: Literal["open", "paid", "expired"]
    amount: Cents
    paid_back: Cents
    currency: str
    url: str | None
    provider: str
    created_at: str


class Balance(TypedDict):
    """What is left of a prepaid balance, and a page of what changed it."""

    balance: Cents
    currency: str
    ledger: list[Entry]
    has_more: bool


class Month(TypedDict):
    """What an agent earned in a month (`2026-11`) and was paid; `balance` is what is owed at its end.

    `credits` is the agent's share of what was given back to clients, in this month, of whenever it was paid.
    """

    month: str
    sessions: int
    minutes: int
    gross: Cents
    share: Cents
    credits: Cents
    paid_out: Cents
    balance: Cents


class Account(TypedDict):
    """An agent's months in one currency, in order; `balance` is what is owed now."""

    currency: str
    months: list[Month]
    balance: Cents


class Payout(TypedDict):
    """What an agent was paid, or (below zero) what of it was taken back."""

    id: int
    kind: Literal["payout", "taken_back"]
    amount: Cents
    currency: str
    actor_id: int | None
    reason: str
    created_at: str


class Statement(TypedDict):
    """All that an agent earned and was paid; the first account is in the database's currency."""

    agent: Payee
    share_percent: int
    accounts: list[Account]
    payouts: list[Payout]


class Piece(TypedDict):
    """A part of a text, and whether it is what was searched for."""

    text: str
    is_match: bool


class Found(TypedDict):
    """A message that was searched for: the part of it that matches, and of whom it is."""

    message_id: int
    chat_session_id: int
    sender_type: Side
    sender_name: str
    created_at: str
    snippet: list[Piece]
    client: Person
    agent: Person | None


class FoundOnes(TypedDict):
    """Newest first."""

    found: list[Found]
    has_more: bool


class Done(TypedDict):
    """There is no more to say."""

    success: Literal[True]


class Sent(Done):
    """A message that is stored; `duplicate` if it had been before."""

    messageId: int
    duplicate: NotRequired[Literal[True]]


class Changed(Done):
    """A message that its writer has edited or deleted, as it is then."""

    message: Message


class Fetched(TypedDict):
    """Messages after a position; without a cursor also those before it that were `edited` or deleted last."""

    messages: list[Message]
    session: Summary
    longPolling: bool
    peer: Peer
    cursor: int
    has_more: bool
    server_time: int
    edited: NotRequired[list[Message]]


class Listing(TypedDict):
    """What has changed in the inbox; of a live one also how the other sides are."""

    sessions: list[Card]
    removed: list[int]
    longPolling: bool
    cursor: int
    has_more: bool
    server_time: int
    peers: NotRequired[dict[str, str]]


class History(TypedDict):
    """Sessions that have ended."""

    sessions: list[Card]
    has_more: bool


class Answered(Done):
    """A session as it stands after what was asked for; `duplicate` if that had been asked for before."""

    session: Session
    server_time: int
    duplicate: NotRequired[Literal[True]]


class Agents(TypedDict):
    """A page of agents, and how a session is charged that is asked for now."""

    agents: list[ListedAgent]
    increments: Increments
    has_more: bool


class ChangedAgent(Done):
    """The agent after their change."""

    agent: Agent


class NewBalance(Done):
    """What is left; `duplicate` if it had been asked for before, and then what was left."""

    balance: Cents
    duplicate: NotRequired[Literal[True]]


class NewPayment(Done, Payment):
    """One that was begun; `duplicate` if it had been before, with the same key."""

    duplicate: NotRequired[Literal[True]]


class PaidOut(Done):
    """A payout that is stored; `duplicate` if it had been before."""

    payout: Payout
    duplicate: NotRequired[Literal[True]]


class Remarked(Done):
    """What was said about a receipt."""

    remark: Remark


class CreditedBack(Done):
    """The credit note; `duplicate` if its key had been used before."""

    credit: Credit
    duplicate: NotRequired[Literal[True]]


class Reported(Done):
    """The report, as it is then."""

    report: Report


class SignedInUser(TypedDict):
    """Who has signed in."""

    id: int
    role: Literal["client", "agent", "admin"]
    name: str


class SignedIn(TypedDict):
    """The token of a sign-in, and whose it is."""

    token: str
    user: SignedInUser


class ApiToken(TypedDict):
    """A token for programs; when it was used, to the minute."""

    id: int
    label: str
    created_at: str
    used_at: str | None
    expires_at: str


class ApiTokens(TypedDict):
    """One's own that are valid, the newest first."""

    tokens: list[ApiToken]


class NewApiToken(Done):
    """The token itself is told this once."""

    token: str
    api_token: ApiToken


class Webhook(TypedDict):
    """Where events are sent; `problem` and `status` are of the last attempt, if that failed."""

    id: int
    label: str
    url: str
    events: list[HookEvent]
    with_words: bool
    created_at: str
    is_on: bool
    off_at: str | None
    failing_since: str | None
    problem: HookProblem | None
    status: int | None
    waiting: int


class Webhooks(TypedDict):
    """All of them."""

    webhooks: list[Webhook]


class ChangedWebhook(Done):
    """The webhook, as it is then."""

    webhook: Webhook


class NewWebhook(ChangedWebhook):
    """Its secret is told this once."""

    secret: str


class Delivery(TypedDict):
    """An event that a webhook is sent; `event_id` is what it is told as `webhook-id`."""

    id: int
    event_id: str
    type: HookType
    at: str
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    tried_at: str | None
    status: int | None
    problem: HookProblem | None


class Deliveries(TypedDict):
    """A page of them, the newest first."""

    deliveries: list[Delivery]
    has_more: bool


class PushKey(TypedDict):
    """The server's public key for pushes, in base64url: what a browser calls `applicationServerKey`."""

    public_key: str


class Diagnosis(TypedDict):
    """A request as the server sees it; of one that was held, for how long."""

    client_address: str
    forwarded_for: str | None
    scheme: str
    forwarded_proto: str | None
    is_secure: bool
    host: str
    http_version: str
    is_via_proxy: bool
    forwarded_headers: dict[str, str]
    long_poll_seconds: float
    held_seconds: NotRequired[float]


class Requests(TypedDict):
    """How requests went: each is in one of these counts beside `requests`, which is all of them."""

    requests: int
    accepted: int
    missed: int
    cancelled: int
    declined: int


class Outcome(Requests):
    """The same; how many still wait; how long accepting took, and from then an agent's first message."""

    waiting: int
    to_accept: ExpectedWait | None
    to_answer: ExpectedWait | None


class AgentOutcome(Outcome):
    """Those of an agent; None are those to any agent that nobody accepted."""

    agent: Person | None


class DayAsked(Requests):
    """Those of a day."""

    day: str


class HourAsked(Requests):
    """Those of an hour of the week, 1 is Monday's, of which the period had so many until now.

    How many agents were there then, and of these took requests, on the mean; None where nobody counted.
    """

    weekday: int
    hour: int
    hours: float
    agents_there: float | None
    agents_taking: float | None


class Answering(TypedDict):
    """How the requests of some days went: in all, by agent, by day, and by hour of the week."""

    days: int
    time_zone: str
    agent: Person | None
    total: Outcome
    by_agent: list[AgentOutcome]
    by_day: list[DayAsked]
    by_hour: list[HourAsked]


class AgentHere(TypedDict):
    """An agent who is there, since when if that is known, and how much they have to do."""

    agent: Person
    status: Availability
    conversations: int
    requests: int
    since: str | None


class Here(TypedDict):
    """The agents who are there, who came first first; how many requests to any agent wait."""

    server_time: str
    agents: list[AgentHere]
    waiting: int
