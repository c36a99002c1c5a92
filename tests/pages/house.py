"""What there is in the house, for whom, and what holds for all of it."""

import json
import re

from tests.pages.visitor import PASSWORD

# The id of nothing and nobody.
NOWHERE = 2**62
OWN = {"client", "agent"}
EVERYBODY = {*OWN, "admin"}
# Each page, and the roles that it is for.
PAGES = {
    "/agents": {"client"},
    "/agents?language=fr&when=here&most=3&sort=wait&page=2": {"client"},
    "/agents/{agent}": EVERYBODY,
    "/sessions/new": {"client"},
    "/sessions/new?agent_id={agent}": {"client"},
    "/balance": {"client"},
    "/keeping": {"client"},
    "/inbox": {"agent"},
    "/replies": {"agent"},
    "/missed": {"agent"},
    "/earnings": {"agent"},
    "/earnings?days=7": {"agent"},
    "/earnings.csv": {"agent"},
    "/statistics": {"agent"},
    "/statistics?days=7&zone=Asia/Kathmandu": {"agent"},
    "/sessions": OWN,
    "/sessions/{id}": OWN,
    "/sessions/{id}/news": OWN,
    "/sessions/{id}/receipt": EVERYBODY,
    "/sessions/{id}/transcript.txt": EVERYBODY,
    "/sessions/{id}/transcript.json": EVERYBODY,
    "/sessions/{id}/report": OWN,
    "/search": EVERYBODY,
    "/search?q=bonjour": EVERYBODY,
    "/clients/{client}": {"agent", "admin"},
    "/clients/{client}?session={id}&part=file": {"agent", "admin"},
    "/clients/{client}/file.txt": {"agent", "admin"},
    "/clients/{client}/file.json": {"agent", "admin"},
    "/profile": EVERYBODY,
    "/profile/page": {"agent"},
    "/profile/tokens": EVERYBODY,
    "/profile/data.json": EVERYBODY,
    "/profile/second-step": {"agent", "admin"},
    "/admin/statistics": {"admin"},
    "/admin/people": {"admin"},
    "/admin/people/{client}": {"admin"},
    "/admin/people/{agent}": {"admin"},
    "/admin/people/{client}/erase": {"admin"},
    "/admin/people/{agent}/earnings": {"admin"},
    "/admin/people/{agent}/statistics": {"admin"},
    "/admin/people/{agent}/earnings.csv": {"admin"},
    "/admin/sessions": {"admin"},
    "/admin/sessions/{id}": {"admin"},
    "/admin/reports": {"admin"},
    "/admin/reports?status=done": {"admin"},
    "/admin/audit": {"admin"},
    "/admin/audit?kind=signed_in&q=a": {"admin"},
    "/admin/settings": {"admin"},
    "/admin/diagnosis": {"admin"},
    "/admin/webhooks": {"admin"},
    "/admin/widgets": {"admin"},
    "/admin/books": {"admin"},
}
# What each role can send.
FORMS = {
    "client": [
        "/profile",
        "/profile/password",
        "/profile/mails",
        "/profile/tokens",
        "/sessions",
        "/sessions/{id}/messages",
        "/sessions/{id}/messages/1",
        "/sessions/{id}/messages/1/delete",
        "/sessions/{id}/report",
        "/sessions/{id}/end",
    ],
    "agent": [
        "/availability",
        "/replies",
        "/replies/1/delete",
        "/sessions/{id}/messages",
        "/sessions/{id}/pause",
        "/sessions/{id}/block",
        "/clients/{client}/notes",
        "/profile/page",
        "/profile/picture",
        "/profile/second-step/off",
    ],
    "admin": [
        "/admin/people",
        "/admin/invitations",
        "/admin/webhooks",
        "/admin/widgets",
        "/admin/widgets/1/revoke",
        "/admin/reviews/{id}",
        "/admin/people/{client}",
        "/admin/people/{client}/disable",
        "/admin/people/{client}/reset",
        "/admin/people/{client}/erase",
        "/admin/people/{agent}/reset-code",
        "/admin/people/{client}/balance",
        "/admin/people/{client}/block",
        "/clients/{client}/notes",
        "/admin/people/{agent}/payouts",
        "/sessions/{id}/receipt/remarks",
        "/sessions/{id}/receipt/credits",
    ],
}
# Something for each field that any of them has.
FILLED = {
    "name": "Mallory",
    "email": "mallory@evil.example",
    "password": PASSWORD,
    "code": "123456",
    "step": "evil",
    "new_password": "mallory's horse",
    "message": "from elsewhere",
    "shortcut": "evil",
    "available": "0",
    "role": "client",
    "kind": "top_up",
    "amount": "100",
    "reason": "evil",
    "remark": "evil",
    "text": "evil",
    "key": "evil",
    "rate": "99",
    "share": "99",
    "label": "evil",
    "url": "https://evil.example/",
    "events": "message.created",
    "origins": "https://evil.example",
}


def is_of_the_moment(column):
    """Who was seen when."""
    return "seen" in column or column == "here_since"


def assert_safe(page):
    """Nothing in it runs but our own files, and no style is written into it."""
    for tag, values in page.read.tags:
        assert "style" not in values, tag
        assert not [name for name in values if name.startswith("on")], tag
        assert tag not in ("style", "base", "object", "embed"), tag
        if tag == "img":
            places = r"|/portraits/[0-9a-f]{32}|/api/chat/attachments/\d+/\d+/thumbnail"
            assert re.fullmatch(places, values.get("src", "")), values
        assert tag != "iframe" or re.fullmatch(r"/sessions/\d+/news\?[a-z0-9_&=]+", values["src"])
        if tag == "script":
            assert values.get("type") == "application/json" or re.match(
                r"/static/[0-9a-f]{16}/js/|/widget\.js$", values["src"]
            )
        for name in ("href", "src", "action", "formaction"):
            is_linked = tag == "a" and "noopener" in values.get("rel", "")
            wanted = r"https?://" if is_linked and name == "href" else r"/(?!/)|#|\?|$"
            assert re.match(wanted, values.get(name) or ""), values
    for block in page.read.blocks:
        assert not block or json.loads(block)


def assert_headers(page):
    """A browser is told to run nothing but our own files, and to keep nothing that is somebody's."""
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    framed, denied = ("'self'", "SAMEORIGIN") if page.path.endswith("/news") else ("'none'", "DENY")
    assert (policy["frame-ancestors"], page.headers["X-Frame-Options"]) == (framed, denied)
    assert policy["default-src"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Cookie" in page.headers["Vary"]
