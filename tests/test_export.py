"""What is kept of a person, as one document: for themselves, and whole for who runs the server."""

import json

import pytest

from chat import documents, personal, store
from tests.pages.visitor import Visitor
from tests.server import mostly
from tests.test_privacy import House


@pytest.fixture
def house(start):
    return House(start())


def own(server, person):
    """What the page of the profile leads to."""
    visitor = Visitor(server, person)
    page = visitor.open(visitor.open("/profile").link("/profile/data.json"))
    assert (page.status, page.headers["Content-Type"]) == (200, "application/json")
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert page.headers["Cache-Control"] == "no-store"
    return json.loads(page.body)


def test_a_client_has_all_that_they_see_and_none_of_what_agents_note(house):
    found = own(house.server, house.client)
    assert found["person"]["email"] == house.emails["client"]
    (talk,) = found["conversations"]
    assert [each["sender_type"] for each in talk["messages"]] == ["client", "agent", "client", "client"]
    assert talk["session"]["rating_comment"] == house.of("client-rating")[0]
    assert talk["receipt"]["number"] == 1
    assert [each["remark"] for each in talk["receipt"]["remarks"]] == house.of(
        "client-remark", "agent-remark"
    )
    assert [each["remark"] for each in found["reports"]] == house.of("client-report")
    assert [each["push_service"] for each in found["devices"]] == ["push.invalid"]
    assert (found["notes"], found["blocks"], found["audit"], found["earnings"]) == ([], [], [], None)
    text = json.dumps(found)
    told = [each for each in house.canaries if each in text]
    assert set(told).isdisjoint(house.of("about", "office", "agent-report", "agent-answer", "agent-reply"))
    assert set(house.of("client", "agent-message", "agent-key")) <= set(told)


def test_the_operator_has_the_notes_too_and_it_is_noted(house, run):
    found = json.loads(run(house.server, "export", house.emails["client"]))
    assert found["is_whole"] is True
    assert {each["text"] for each in found["notes"]} == set(house.of("about-note"))
    assert [each["reason"] for each in found["blocks"]] == house.of("about-block")
    assert {each["remark"] for each in found["reports"]} == {*house.of("client-report", "agent-report")}
    assert {each["note"] for each in found["reports"]} == set(house.of("office-note"))
    assert {"password_link", "exported"} <= {each["kind"] for each in found["audit"]}
    entries = house.admin.get(f"/api/chat/audit?userId={house.client.id}&kind=exported").json["entries"]
    assert [each["actor"] for each in entries] == [None]


def test_an_agent_has_their_own_words_and_earnings(house, run):
    found = own(house.server, house.agent)
    (talk,) = found["conversations"]
    assert {each["sender_type"] for each in talk["messages"]} == {"agent"}
    assert [each["message"] for each in found["replies"]] == house.of("agent-reply")[1:]
    assert [each["message"] for each in found["answers"]] == house.of("agent-answer")
    assert [each["text"] for each in found["notes"]] == house.of("about-note")[:1]
    assert [each["reason"] for each in found["blocks"]] == house.of("about-block")
    assert found["earnings"]["agent"]["id"] == house.agent.id
    assert house.of("client-message")[0] not in json.dumps(found)
    whole = json.loads(run(house.server, "export", house.emails["agent"]))
    assert house.of("client-message")[0] not in json.dumps(whole)
    assert own(house.server, house.admin)["person"]["role"] == "admin"


@mostly("gevent", "gthread")
def test_ten_thousand_messages_are_told_piece_by_piece(start, worker_class):
    server = start(worker_class=worker_class)
    talk = server.conversation()
    client_id = talk.client.show(talk.id)["client"]["id"]

    def fill(db):
        row = store.sessions.by_id(db, talk.id)
        for number in range(10_000):
            head = store.revision.advance(db)
            last = store.messages.insert(db, talk.id, client_id, "client", f"Nr {number}", None, 1, head)
        store.sessions.save(db, row, {"last_message_id": last, "revision": head})

    server.database.write(fill)
    (told,) = own(server, talk.client)["conversations"]
    assert [each["message"] for each in told["messages"]][-10_000:] == [
        f"Nr {each}" for each in range(10_000)
    ]
    document = personal.document(server.runtime, client_id, is_whole=False)
    sizes = list(map(len, documents.pieces(document)))
    assert sum(sizes) > 1_000_000
    assert max(sizes) < 2 * documents.PIECE_BYTES


def test_it_is_given_twice_a_minute(start):
    server = start()
    visitor = Visitor(server, server.person("client"))
    answers = [visitor.request("GET", "/profile/data.json") for _ in range(3)]
    assert [each.status for each in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert Visitor(server).request("GET", "/profile/data.json").status == 303
