"""What people write is text."""

import json
import re
from urllib.parse import urlencode

import pytest

from tests.pages.house import assert_safe
from tests.pages.visitor import Visitor, link_in, new_email, numbers, page_of, sign_up

NASTY = {
    "script": "<script>alert(1)</script>",
    "end-of-script": '</script><script src="https://evil.example/"></script>',
    "comment": "<!--<script>",
    "image": "<img src=x onerror=alert(1)>",
    "svg": "<svg/onload=alert(1)>",
    "quotes": "\"' onmouseover='alert(1)' x=\"",
    "attribute": '"><b id=broken>',
    "textarea": "</textarea></title><b id=broken>",
    "link": 'javascript:alert(1) https://x.example/"onclick=alert(1)//',
    "template": "{{7777*7}}${7777*7}{% raw %}",
    "format": "%(name)s %s {0} {name.__class__} %",
    "override": "\u202egro.live\u202c \u2066x",
    "line-separator": "a\u2028b\u2029c",
}


# They are escaped where others are.
SOAKED = ("image", "svg", "attribute", "textarea", "link", "format")


@pytest.mark.parametrize(
    "nasty",
    [
        pytest.param(text, id=name, marks=pytest.mark.soak if name in SOAKED else ())
        for name, text in NASTY.items()
    ],
)
def test_whatever_is_written_is_shown_as_it_is(server, nasty):
    name = nasty.replace("\u2028", "").replace("\u2029", "")
    client, email = sign_up(server, name, f"{next(numbers)}<b>'\"{{{{7777*7}}}}@example.net")
    agent, admin = (Visitor(server, server.person(role, name)) for role in ("agent", "admin"))
    pages = [agent.fill("/profile", "/profile", headline=nasty, rate="1")]
    pages += [agent.fill("/replies", "/replies", shortcut=nasty, message=nasty)]
    pages += [agent.fill("/replies", "/replies", shortcut="ok", message=nasty)]
    page = client.fill(f"/sessions/new?agent_id={agent.person.id}", "/sessions", message=nasty)
    here, id = page.path, page.path.rpartition("/")[2]
    pages += [page, agent.open("/inbox"), agent.fill(here, f"{here}/accept")]
    pages += [visitor.fill(here, f"{here}/messages", message=f"{nasty} 2") for visitor in (client, agent)]
    pages += [client.post(f"{here}/messages", message=f"{nasty} 3", csrf=nasty)]
    pages += [client.post(f"{here}/limit", spending_limit=nasty)]
    pages += [client.fill(here, f"{here}/end")]
    pages += [client.fill(here, f"{here}/rating", rating="5", comment=nasty)]
    person = page_of(admin, email)
    pages += [
        admin.post(f"{person}/balance", amount="5", reason=nasty, kind="top_up", key=str(next(numbers)))
    ]
    pages[-1:] = [admin.open(person)]
    pages += [admin.fill(person, f"{person}/balance", amount=nasty, reason=nasty, kind="top_up")]
    page = admin.fill(person, f"{person}/reset")
    pages += [page, Visitor(server).open(link_in(page))]
    query = urlencode(
        {"q": nasty, "next": nasty, "code": nasty, "notice": nasty, "problem": nasty, "field": nasty}
    )
    pages += [admin.open(f"{path}?{query}") for path in ("/admin/people", "/admin/sessions")]
    pages += [Visitor(server).open(f"{path}?{query}") for path in ("/login", "/signup", "/", "/setup", "/x")]
    pages += [Visitor(server).post("/login", email=nasty, password=nasty, next=nasty)]
    pages += [Visitor(server).post("/signup", email=nasty, name=nasty, password="x")]
    pages += [client.open(path) for path in (here, "/sessions", "/balance", "/profile", f"{here}/receipt")]
    pages += [client.open(f"/agents?after={agent.person.id - 1}")]
    pages += [agent.open(path) for path in (here, "/sessions", "/inbox", "/replies", "/earnings")]
    pages += [
        admin.open(path)
        for path in (person, f"/admin/sessions/{id}", "/admin/statistics", f"/admin/people/{agent.person.id}")
    ]
    for page in pages:
        assert page.status < 500, page.path
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert_safe(page)
        assert not [values for _, values in page.read.tags if values.get("id") == "broken"], page.path
        # But for what is random.
        assert "54439" not in re.sub("[0-9a-f]{16,}", "", page.body.decode()), page.path
    shown = " ".join(nasty.split())
    for page in (client.open(here), agent.open(here), admin.open(f"/admin/sessions/{id}")):
        assert page.text.count(shown) >= 3
    assert shown in client.open("/balance").text
    assert (
        json.loads(client.request("GET", f"{here}/transcript.json").body)["messages"][0]["message"] == nasty
    )
    live = json.loads(client.open(here).read.blocks[-1])
    assert live["user"]["role"] == "client"


def test_a_control_character_is_no_part_of_a_name(admin, agent):
    for wrong in ("a\0b", "a\x1bb", "a\nb", "\x7f"):
        page = admin.post("/admin/people", role="client", name=wrong, email=new_email())
        assert page.status == 400
        assert agent.post("/profile", name=wrong).status == 400
