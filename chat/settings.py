"""Every setting: its name, default, unit and meaning, read from the environment.

gunicorn.conf.py runs this file by path, before any worker exists, so it imports nothing of chat.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

PREFIX = "CHAT_"
ENV_FILE = "CHAT_ENV_FILE"
USUAL_ENV_FILE = "/etc/tete-a-tete.env"


class SettingError(ValueError):
    """A value in the environment that cannot be read."""


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise SettingError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            raise SettingError(f"a number of seconds from {low:g} to {high:g}")
        return value

    return parse


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise SettingError(" or ".join(choices))
        return text

    return parse


def _flag(text: str) -> bool:
    return _choice("0", "1")(text) == "1"


def as_database_url(text: str) -> str:
    """The address of a database, as it is given; raises SettingError."""
    if not re.fullmatch(r"sqlite:///.+|postgres(ql)?://.*", text):
        raise SettingError(
            "sqlite:///relative/path.db, sqlite:////absolute/path.db or postgresql://user:password@host/name"
        )
    return text


def _address(text: str) -> str:
    found = re.fullmatch(r"(?:[^\s:/\[\]]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})|unix:\S+|fd://[0-9]+", text)
    if found is None or (found[1] and not 1 <= int(found[1]) <= 65_535):
        raise SettingError("host:port, [IPv6]:port, unix:/path/to.sock or fd://N")
    return text


def _prefix(text: str) -> str:
    if not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*", text):
        raise SettingError("a path like /chat, without / at its end, or nothing")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip() for host in text.split(",")) if text else ()
    if not all(re.fullmatch(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", host) for host in hosts):
        raise SettingError(
            "names in small letters without a port, like chat.example.org, .example.org, [::1]"
        )
    return hosts


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(kind.strip() for kind in text.split(","))
    if not all(re.fullmatch(r"[a-z0-9]{1,10}|\*", kind) for kind in kinds):
        raise SettingError("ends of names in small letters, without dots, like jpg,png,pdf; or *")
    return kinds


def _currency(text: str) -> str:
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise SettingError("three capital letters (ISO 4217), like EUR")
    return text


def _amount(text: str) -> str:
    if text and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,4})?", text):
        raise SettingError("an amount like 20.00, or empty for none")
    return text


def _time_zone(text: str) -> str:
    if text not in available_timezones():
        raise SettingError("a time zone's name, like Europe/Paris")
    return text


def _per_cent(text: str) -> str:
    if text and not (re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,3})?", text) or text == "100"):
        raise SettingError("per cent from 0 to 100, like 20 or 5.5, or nothing")
    return text


def _lines(text: str) -> str:
    """Lines in one variable: a `|` begins the next one."""
    return "\n".join(line.strip() for line in text.split("|"))


def _secret(text: str) -> str:
    if not re.fullmatch(r"[!-~]{0,255}", text):
        raise SettingError("at most 255 printable ASCII characters, without spaces")
    return text


def _provider_url(text: str) -> str:
    if not re.fullmatch(r"(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)", text):
        raise SettingError("https://host, or http:// to this machine, without a path")
    return text


def _contact(text: str) -> str:
    if not re.fullmatch(r"|mailto:[^\s@]+@[\w-]+(\.[\w-]+)+|https://[\w-]+(\.[\w-]+)+", text):
        raise SettingError("mailto:name@example.org or https://example.org, without a path, or nothing")
    return text


def _smtp_url(text: str) -> str:
    """Of a mail server; without TLS a password goes to this machine at most."""
    found = re.fullmatch(
        r"smtps?://([^\s/?#@:]+:[^\s/?#@:]+@)?([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?(\?tls=none)?",
        text,
        re.ASCII,
    )
    if text and not (found and int((found[3] or ":1")[1:]) <= 65_535):
        raise SettingError(
            "smtp://user:password@host:587, smtps://user:password@host, or smtp://localhost:25?tls=none; "
            "signs other than letters and digits in a password are written as in URLs, @ is %40"
        )
    if found and found[4]:
        if text.startswith("smtps:"):
            raise SettingError("smtp:// where there is no TLS")
        if found[1] and found[2] not in ("localhost", "127.0.0.1", "[::1]"):
            raise SettingError("with TLS where a password leaves this machine: without ?tls=none")
    return text


def _sender(text: str) -> str:
    address = r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)*"
    is_one = re.fullmatch(rf"{address}|[^<>@,;:\"\\]+ <{address}>", text, re.ASCII)
    if text and not (is_one and text.isprintable()):
        raise SettingError("chat@example.org or Name <chat@example.org>")
    return text


def _site(text: str) -> str:
    if not re.fullmatch(
        r"|https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[\w.~-]+)*/?", text, re.ASCII
    ):
        raise SettingError("https://chat.example.org, or with a path: https://example.org/chat")
    return text.rstrip("/")


def _setting(default: Any, unit: str, help: str, parse: Callable[[str], Any], is_secret: bool = False) -> Any:
    metadata = {"unit": unit, "help": help, "parse": parse, "is_secret": is_secret}
    return field(default=default, repr=not is_secret, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings of one process; a field `name` is read from `CHAT_NAME`."""

    database_url: str = _setting("sqlite:///data/chat.db", "URL", "Where the data lives.", as_database_url)
    bind: str = _setting("127.0.0.1:3000", "address", "Where the server listens.", _address)
    prefix: str = _setting(
        "", "path", "Below which path of the host all is, like /chat; nothing is the whole host.", _prefix
    )
    workers: int = _setting(1, "processes", "Worker processes.", _integer(1, 64))
    worker_class: str = _setting(
        "gevent",
        "gevent, gthread",
        "How a worker waits: greenlets (thousands of held polls) or threads.",
        _choice("gevent", "gthread"),
    )
    threads: int = _setting(
        80,
        "threads",
        "Threads of a gthread worker; three quarters of them may hold polls.",
        _integer(4, 1000),
    )
    long_poll_seconds: float = _setting(
        25.0,
        "s",
        "How long a poll is held at most. Stay under the proxy's read timeout (nginx: 60).",
        _seconds(0.05, 300),
    )
    transport: str = _setting(
        "longpoll",
        "longpoll, poll, sse, ws, auto",
        "How pages hear of news; auto takes the best that works: WebSocket, stream, long poll, polling.",
        _choice("longpoll", "poll", "sse", "ws", "auto"),
    )
    heartbeat_seconds: float = _setting(
        15.0,
        "s",
        "A stream that has nothing to tell says so this often, so that no proxy takes it for dead.",
        _seconds(0.05, 300),
    )
    stall_seconds: float = _setting(
        30.0,
        "s",
        "A stream whose reader takes nothing for so long is closed.",
        _seconds(1, 300),
    )
    read_seconds: float = _setting(
        30.0,
        "s",
        "A request that is not there as a whole after so long is refused.",
        _seconds(1, 300),
    )
    check_interval_seconds: float = _setting(
        0.5,
        "s",
        "How often a process looks into the database for what others wrote.",
        _seconds(0.01, 60),
    )
    doorbell: bool = _setting(
        True,
        "0, 1",
        "Processes wake each other at once, on PostgreSQL of all hosts; 0 leaves the check interval alone.",
        _flag,
    )
    max_waiters: int = _setting(
        15_000,
        "held polls",
        "Polls one process holds; further ones are answered at once, with Retry-After.",
        _integer(0, 1_000_000),
    )
    max_waiters_per_user: int = _setting(
        100,
        "held polls",
        "The same for one user in one process.",
        _integer(0, 1_000_000),
    )
    max_waiters_per_address: int = _setting(
        2000,
        "held polls",
        "The same for one address (IPv6: one /64) in one process; this machine has no limit.",
        _integer(0, 1_000_000),
    )
    edit_minutes: int = _setting(
        15,
        "minutes",
        "How long after it was sent its writer may edit or delete a message; 0 is never.",
        _integer(0, 1440),
    )
    sends_per_minute: int = _setting(
        0,
        "messages",
        "What one user may send per minute and process; 0 is no limit.",
        _integer(0, 1_000_000),
    )
    sends_per_minute_per_address: int = _setting(
        0,
        "messages",
        "The same for one address, an IPv6 one by its /64; this machine has no limit.",
        _integer(0, 1_000_000),
    )
    logins_per_minute: int = _setting(
        10,
        "attempts",
        "Sign-in attempts that may fail per account, address and minute; 0 is no limit.",
        _integer(0, 60_000),
    )
    logins_per_minute_per_address: int = _setting(
        60,
        "attempts",
        "The same for one address at all accounts, sign-ups included; this machine has no limit.",
        _integer(0, 60_000),
    )
    guests_per_minute: int = _setting(
        60,
        "guests",
        "How many a minute may come by one widget; 0 is no limit.",
        _integer(0, 60_000),
    )
    guests_per_minute_per_address: int = _setting(
        5,
        "guests",
        "The same for one address at all widgets; this machine has no limit.",
        _integer(0, 60_000),
    )
    proxies: int = _setting(
        1,
        "proxies",
        "How many there are in front, one behind the other: whose X-Forwarded-For is the client's address.",
        _integer(0, 10),
    )
    trusted_hosts: tuple[str, ...] = _setting(
        (),
        "names",
        "Hosts that are answered (others: 400), commas between; .example.org is all below too, nothing any.",
        _hosts,
    )
    write_queue: int = _setting(
        1000,
        "writes",
        "Writes that may wait in one process; beyond it a send gets 503 with Retry-After.",
        _integer(1, 50_000),
    )
    max_body_bytes: int = _setting(65_536, "bytes", "The largest request body.", _integer(1024, 16_777_216))
    attachment_bytes: int = _setting(
        20_000_000,
        "bytes",
        "The largest file that may be sent in a conversation; 0 is none at all.",
        _integer(0, 1_000_000_000),
    )
    attachment_bytes_per_user: int = _setting(
        1_000_000_000,
        "bytes",
        "What the files of one user may take together; 0 is no limit.",
        _integer(0, 1_000_000_000_000),
    )
    attachment_kinds: tuple[str, ...] = _setting(
        (
            *("jpg", "jpeg", "png", "gif", "webp", "pdf", "txt", "csv", "rtf", "doc", "docx", "xls", "xlsx"),
            *("ppt", "pptx", "odt", "ods", "odp", "mp3", "m4a", "ogg", "wav", "mp4", "mov", "webm", "zip"),
        ),
        "endings",
        "Which files may be sent, by the ends of their names, commas between; * is all.",
        _kinds,
    )
    attachments_folder: str = _setting(
        "",
        "path",
        "Where files that were sent are; empty is beside the database, chat.files for chat.db, "
        "or data/chat.files with PostgreSQL, where it is a copy.",
        str,
    )
    uploads: int = _setting(
        100,
        "files",
        "Files that one process receives at a time, a quarter of them from one user; others: 503.",
        _integer(1, 10_000),
    )
    upload_seconds: float = _setting(
        300.0,
        "s",
        "A file that is not there as a whole after so long is refused.",
        _seconds(1, 3600),
    )
    picture_pixels: int = _setting(
        50_000_000,
        "pixels",
        "The largest picture that is taken, all frames together; reading one takes 4 bytes for each.",
        _integer(10_000, 200_000_000),
    )
    token_days: int = _setting(30, "days", "How long a sign-in lasts.", _integer(1, 3650))
    keep_messages_days: int = _setting(
        0,
        "days",
        "How long after its end the words of a session are kept, and of notes and reports; 0 is for ever.",
        _integer(0, 36_500),
    )
    keepalive_seconds: int = _setting(5, "s", "How long an idle connection stays open.", _integer(1, 75))
    max_requests: int = _setting(
        0,
        "requests",
        "A worker is replaced after about so many; 0 is never.",
        _integer(0, 1_000_000_000),
    )
    currency: str = _setting(
        "EUR",
        "ISO 4217",
        "What all amounts are in; that of the database, which `tete-a-tete currency` changes.",
        _currency,
    )
    operator_name: str = _setting("", "text", "Whose name stands on receipts; with its legal form.", str)
    operator_address: str = _setting(
        "", "text", "The address below it; a bar (U+007C) begins the next line.", _lines
    )
    operator_tax_number: str = _setting("", "text", "The number for VAT, as it stands on receipts.", str)
    vat_rate: str = _setting(
        "", "per cent", "The value-added tax that prices include, like 20 or 5.5; nothing is none.", _per_cent
    )
    vat_note: str = _setting(
        "", "text", "Why there is none, like “TVA non applicable, art. 293 B du CGI”.", str
    )
    free_seconds: int = _setting(
        0, "s", "Not billed at the start of the first session of a client with an agent.", _integer(0, 86_400)
    )
    billing_starts: str = _setting(
        "first_message",
        "first_message, accept",
        "What starts the clock: the agent's first message after accepting, or the accepting.",
        _choice("first_message", "accept"),
    )
    first_increment_seconds: int = _setting(
        60, "s", "Active time is billed in whole increments; the first one of a session.", _integer(1, 3600)
    )
    next_increment_seconds: int = _setting(60, "s", "Each one after it.", _integer(1, 3600))
    minimum_charge: int = _setting(
        0,
        "minor units",
        "What a session costs at least, if it costs anything: 500 is 5.00 in EUR.",
        _integer(0, 100_000_000),
    )
    prepaid: bool = _setting(
        False, "0, 1", "Clients pay from a balance, minute by minute, and never below zero.", _flag
    )
    stripe_secret_key: str = _setting(
        "",
        "key",
        "Clients top up through Stripe, with this key of its API; empty is not at all.",
        _secret,
        is_secret=True,
    )
    stripe_webhook_secret: str = _setting(
        "",
        "key",
        "What Stripe signs its events with; both keys or none.",
        _secret,
        is_secret=True,
    )
    stripe_url: str = _setting(
        "https://api.stripe.com", "URL", "Where Stripe is, without a path.", _provider_url
    )
    stripe_seconds: float = _setting(10.0, "s", "How long Stripe may take to answer.", _seconds(0.05, 60))
    open_top_ups: int = _setting(
        10,
        "top-ups",
        "How many pages of the payment provider a client may have open; each closes after a day.",
        _integer(1, 10_000),
    )
    agent_share: int = _setting(
        100,
        "per cent",
        "What of their sessions' price agents earn; an administrator may give each another share.",
        _integer(0, 100),
    )
    spending_limit: str = _setting(
        "",
        "amount",
        "What a conversation may cost where the client names no limit; empty is no limit.",
        _amount,
    )
    request_seconds: int = _setting(
        120, "s", "A request that no agent accepts expires after so long.", _integer(1, 86_400)
    )
    absence_seconds: int = _setting(
        45,
        "s",
        "Client or agent away for so long: the clock has stopped since they were last seen. "
        "At least 25: that somebody is there is stored up to 19 s late.",
        # Every 10 s, spread over 8 more, and noticed a tick later; see chat/sweeper.py.
        _integer(25, 86_400),
    )
    steady_seconds: int = _setting(
        300,
        "s",
        "An absence of the client takes back the time since they were last seen only if the clock has run "
        "for so long since their last one; else it counts from when it is found.",
        _integer(0, 86_400),
    )
    outage_seconds: int = _setting(
        30,
        "s",
        "The server away for so long: the clock has stopped since its last heartbeat.",
        # 20 s may pass until another process beats for one that was killed.
        _integer(25, 86_400),
    )
    silence_prompt_seconds: int = _setting(
        180, "s", "Nobody writes for so long: `is_silent` is told.", _integer(1, 86_400)
    )
    silence_pause_seconds: int = _setting(
        300, "s", "Nobody writes for so long: the session is paused.", _integer(1, 86_400)
    )
    silence_end_seconds: int = _setting(
        900, "s", "Nobody writes for so long, while both were there: the session ends.", _integer(1, 86_400)
    )
    paused_messages: int = _setting(
        3,
        "messages",
        "What each side may write, unpaid, in a pause that somebody made, or for want of money.",
        _integer(0, 1000),
    )
    abandon_seconds: int = _setting(
        86_400,
        "s",
        "A session that is paused for any other cause ends after so long.",
        _integer(60, 2_592_000),
    )
    sessions_per_agent: int = _setting(
        5, "sessions", "With so many active ones an agent is shown as busy.", _integer(1, 1000)
    )
    sign_up: str = _setting(
        "open",
        "open, invitation, closed",
        "Who may sign up as a client: anybody, whoever an administrator invites, or nobody.",
        _choice("open", "invitation", "closed"),
    )
    totp: str = _setting(
        "optional",
        "optional, admins, staff",
        "Who must sign in with a code: nobody, administrators, or agents, too; all of them may.",
        _choice("optional", "admins", "staff"),
    )
    language: str = _setting(
        "en", "en, fr", "The language of pages, where neither profile nor browser says.", _choice("en", "fr")
    )
    time_zone: str = _setting(
        "UTC",
        "IANA name",
        "Where the days of pages begin, like Europe/Paris; a browser with JavaScript shows its own time.",
        _time_zone,
    )
    push_words: bool = _setting(
        False,
        "0, 1",
        "Notifications of devices show what was written; 0: who it is, and that there is something.",
        _flag,
    )
    push_contact: str = _setting(
        "",
        "mailto: or https:",
        "Whom push services reach when something is wrong; empty is the site that a device was added on.",
        _contact,
    )
    push_anywhere: bool = _setting(
        False,
        "0, 1",
        "Take push services without TLS, and at private addresses, too: for tests.",
        _flag,
    )
    url: str = _setting(
        "",
        "URL",
        "Where people find this site, like https://chat.example.org; links in mails begin with it.",
        _site,
    )
    smtp_url: str = _setting(
        "",
        "URL",
        "The mail server, with name and password; over TLS, unless it says otherwise. Empty is no mail.",
        _smtp_url,
        is_secret=True,
    )
    smtp_seconds: float = _setting(20.0, "s", "How long the mail server may take.", _seconds(0.05, 30))
    mail_from: str = _setting(
        "", "address", "The address that mails come from, with or without a name before it.", _sender
    )
    mail_words: bool = _setting(
        False,
        "0, 1",
        "Mails show what was written in a conversation; 0: who it is, and that there is something.",
        _flag,
    )
    webhooks_anywhere: bool = _setting(
        False,
        "0, 1",
        "Webhooks may be at private addresses and without TLS, too: on this machine or in its network.",
        _flag,
    )
    access_log: bool = _setting(False, "0, 1", "One line per request on stdout.", _flag)
    log_format: str = _setting(
        "text",
        "text, json",
        "How lines of the log are written: for people, or an object a line.",
        _choice("text", "json"),
    )
    log_level: str = _setting(
        "info",
        "debug, info, warning, error",
        "What is logged: from this level on.",
        _choice("debug", "info", "warning", "error"),
    )
    metrics_token: str = _setting(
        "",
        "token",
        "Whoever sends it as a bearer token sees /metrics; empty: whoever asks on this machine, by no proxy.",
        _secret,
        is_secret=True,
    )

    @property
    def has_mail(self) -> bool:
        """Whether mails can be sent."""
        return bool(self.smtp_url)


def variable(name: str) -> str:
    """The environment variable of the setting `name`."""
    return PREFIX + name.upper()


def written(value: object) -> str:
    """A setting's value, as one would write it in the environment."""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, str):
        return value.replace("\n", "|")
    return f"{value:g}" if isinstance(value, float) else str(int(value) if isinstance(value, bool) else value)


def as_file(settings: Settings) -> str:
    """An environment file with every setting; what is the default, and what is secret, is commented out."""
    entries = []
    for each in fields(Settings):
        value, is_secret = getattr(settings, each.name), each.metadata["is_secret"]
        is_quiet = is_secret or value == each.default
        line = f"{variable(each.name)}={'' if is_secret else written(value)}"
        entries.append(f"# {each.metadata['help']} ({each.metadata['unit']})\n{'#' * is_quiet}{line}\n")
    return "\n".join(entries)


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The variables that are given, and below them those of the file that CHAT_ENV_FILE names.

    By default that is /etc/tete-a-tete.env, if it is there. Raises SettingError for one that cannot be read.
    """
    path = Path(given.get(ENV_FILE, USUAL_ENV_FILE))
    if path == Path() or (ENV_FILE not in given and not path.exists()):
        return dict(given)
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeError) as error:
        raise SettingError(f"{path} cannot be read: {error}") from None
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        pair = re.fullmatch(r"""\s*(?:export )?([A-Za-z_]\w*)=(["']?)(.*)\2\s*""", line)
        if pair is None:
            raise SettingError(f"{path}, line {number}, must be NAME=value")
        found[pair[1]] = pair[3]
    return {**found, ENV_FILE: str(path), **given}


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingError with the variable's name and what would be right."""
    values = {}
    for setting in fields(Settings):
        name = variable(setting.name)
        if name in environment:
            try:
                values[setting.name] = setting.metadata["parse"](environment[name].strip())
            except SettingError as right:
                found = "of another form" if setting.metadata["is_secret"] else repr(environment[name])
                raise SettingError(f"{name} is {found}; it must be {right}") from None
    return Settings(**values)


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Variables that look like a setting and are none: probably a typing error."""
    known = {variable(setting.name) for setting in fields(Settings)} | {ENV_FILE}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
