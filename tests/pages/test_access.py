"""Who may see and do what."""

import re
from urllib.parse import quote

import pytest

from tests.pages.house import NOWHERE, PAGES
from tests.pages.visitor import Visitor

ACTIONS = ("accept", "decline", "cancel", "end", "pause", "resume", "limit", "transfer", "agree", "refuse")


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_for_its_roles(people, ids, path):
    here = path.format(**ids)
    for role, visitor in people.items():
        page = visitor.request("GET", here)
        if role is None:
            assert (page.status, page.location) == (303, f"/login?next={quote(here, safe='/?')}")
        else:
            assert page.status == (200 if role in PAGES[path] else 403), role


def test_the_start_is_where_each_role_begins(people):
    starts = {role: visitor.open("/").path for role, visitor in people.items()}
    assert starts == {"client": "/agents", "agent": "/inbox", "admin": "/admin/statistics", None: "/"}


@pytest.mark.parametrize("role", ["client", "agent", "admin"])
def test_somebody_elses_conversation_is_as_one_that_is_not_there(server, talk, role):
    before = talk.client.show(talk.id)
    outsider = Visitor(server, server.person(role))
    places = ["", *([] if role == "admin" else ["/receipt", "/transcript.txt", "/transcript.json"])]
    for place in places:
        foreign, unknown = (outsider.request("GET", f"/sessions/{id}{place}") for id in (talk.id, NOWHERE))
        assert foreign.status == (403 if role == "admin" else 404)
        assert re.sub(rb'"csrf" value="[^"]*"', b"", foreign.body) == re.sub(
            rb'"csrf" value="[^"]*"', b"", unknown.body
        )
    values = {"message": "Coucou", "rating": "5", "spending_limit": "1", "agent_id": "1", "rate_cents": "1"}
    for place in ("messages", "rating", *ACTIONS):
        foreign, unknown = (outsider.post(f"/sessions/{id}/{place}", values) for id in (talk.id, NOWHERE))
        assert (foreign.status, unknown.status) == ((403, 403) if role == "admin" else (404, 404)), place
        assert foreign.alert == unknown.alert
    after = talk.client.show(talk.id)
    for what in ("status", "spending_limit", "rating", "agent", "transfer"):
        assert before[what] == after[what]
    assert "Coucou" not in talk.client.fetch(talk.id).texts
