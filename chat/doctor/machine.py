"""This machine, and the settings."""

import os
import resource
import stat
import sys
from collections.abc import Mapping

from chat import settings
from chat.doctor.finding import Finding
from chat.providers import smtp
from chat.runtime import Runtime
from chat.settings import Settings

# Of sockets that are no held poll: those that send, read or idle, and the server's own.
OTHER_FILES = 2100
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")

# What to do where the mail server is not reached, or not used.
MAIL = {
    "connect": "Are host and port in CHAT_SMTP_URL right, and may this machine go there? With port 465 it "
    "begins with smtps://; many hosts let nothing out on port 25.",
    "tls": "A password is sent with TLS only. If the certificate is of another name, take that name in "
    "CHAT_SMTP_URL; a server on this machine without TLS is smtp://localhost:25?tls=none.",
    "login": "Is the name or the password another, or a part of it not written as in URLs (@ is %40)? Many "
    "providers want a password made for this alone.",
    "send": "Look into the log of the mail server.",
}


def python() -> Finding:
    return Finding("python", "ok", ".".join(map(str, sys.version_info[:3])))


def names(environment: Mapping[str, str]) -> Finding:
    if unknown := settings.unknown(environment):
        return Finding("settings", "wrong", f"no setting: {', '.join(unknown)}", "See docs/settings.md.")
    return Finding("settings", "ok", environment.get(settings.ENV_FILE, "from the environment"))


def files(found: Settings) -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = found.max_waiters + OTHER_FILES
    text = f"{'any number' if hard == resource.RLIM_INFINITY else hard} may be open, {wanted} are wanted"
    if resource.RLIM_INFINITY != hard < wanted:
        advice = (
            f"Raise it (systemd: LimitNOFILE={wanted}), or set CHAT_MAX_WAITERS={max(0, hard - OTHER_FILES)}."
        )
        return Finding("open files", "wrong", text, advice)
    return Finding("open files", "ok", text)


def threads(found: Settings) -> Finding:
    if found.worker_class == "gevent":
        return Finding("waiters", "ok", f"{found.max_waiters} a process, without a thread each")
    held = min(found.max_waiters, found.threads * 3 // 4)
    text = f"{held} a process, in {found.threads} threads"
    if held < 100:
        advice = "That is as many pages as can be open: take CHAT_WORKER_CLASS=gevent, or more CHAT_THREADS."
        return Finding("waiters", "warning", text, advice)
    return Finding("waiters", "ok", text)


def address(found: Settings) -> Finding:
    host = found.bind.rpartition(":")[0]
    if host in LOCAL_HOSTS or found.bind.startswith(("unix:", "fd:")):
        below = found.prefix and f", below {found.prefix}"
        return Finding("address", "ok", f"{found.bind}{below}, for {found.proxies} proxies in front")
    advice = (
        "Listen on 127.0.0.1 behind a proxy that does TLS (docs/deploy.md): now passwords are read on "
        "the way, and with CHAT_PROXIES above 0 anybody says whose address is theirs."
    )
    return Finding("address", "warning", f"{found.bind} is open to other machines", advice)


def mail(found: Settings) -> Finding:
    """Goes there, and says who we are; sends nothing."""
    if not found.has_mail:
        return Finding("mail", "ok", "none: pages tell people whom to ask")
    try:
        return Finding("mail", "ok", smtp.check(found))
    except smtp.Away as error:
        return Finding("mail", "wrong", str(error), MAIL[error.stage])


def attachments(runtime: Runtime) -> Finding:
    """Files that people send: where they are, or would be."""
    folder = runtime.blobs.folder
    if not runtime.settings.attachment_bytes:
        return Finding("attachments", "ok", "none are taken")
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        advice = f"Run this as the user of the service, or give it the folder: chown -R USER {nearest}"
        return Finding("attachments", "wrong", f"{folder} cannot be written", advice)
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding("attachments", "warning", f"{folder} is open to others here", f"chmod 700 {folder}")
    return Finding("attachments", "ok", str(folder))
