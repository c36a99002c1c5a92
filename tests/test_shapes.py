"""What clients are told has the shapes that chat/wire.py says: no field more, none less, each of its type."""

import pytest
from pydantic import TypeAdapter

from chat import wire
from chat.errors import catalogue
from chat.web.words import FIELDS, PROBLEMS


def has_shape(shape, content):
    """Whether it fits, and nothing of it is left over."""
    return TypeAdapter(shape).validate_python(content, strict=True) == content


@pytest.fixture
def told(site):
    """Everything about a session that went all the way, by shape."""
    client, agent = site.person("client"), site.person("agent")
    waiting = client.post("/api/chat/sessions", {"agent_id": agent.id, "message": "Bonjour"}).json["session"]
    session_id = waiting["id"]
    agent.do("accept", session_id)
    agent.send(session_id, "Je vous écoute.")
    cursor = client.inbox().json["cursor"]
    agent.send(session_id, "Et alors ?")
    page = client.fetch(session_id).json
    live = client.inbox(cursor=cursor, peers="").json["sessions"]
    card = client.inbox().json["sessions"]
    agent.do("transfer", session_id, agent_id=site.person("agent", rate_cents=400).id)
    asked = client.show(session_id)
    client.do("transfer/refuse", session_id)
    client.do("end", session_id)
    client.do("rating", session_id, rating=5, comment="Merci")
    return {
        wire.Session: [waiting, asked, client.show(session_id)],
        wire.Summary: [page["session"]],
        wire.Message: page["messages"],
        wire.Card: [*card, *live, *client.inbox(status="ended").json["sessions"]],
        wire.Receipt: [client.get(f"/api/chat/sessions/{session_id}/receipt").json],
        wire.ListedAgent: client.get("/api/chat/agents").json["agents"],
        wire.Balance: [client.get("/api/chat/balance").json],
    }


def test_every_answer_has_its_shape(told):
    for shape, answers in told.items():
        assert answers, shape
        for answer in answers:
            assert has_shape(shape, answer), shape


def test_a_shape_refuses_what_does_not_fit(told):
    summary = told[wire.Summary][0]
    assert not has_shape(wire.Summary, {**summary, "more": 1})
    for wrong in ({"status": "asleep"}, {"last_message_id": "7"}, {"total_cost": "2.50"}):
        with pytest.raises(ValueError):
            has_shape(wire.Summary, {**summary, **wrong})


def test_every_error_has_words_in_every_language():
    """That each text is translated tests/test_languages.py asks."""
    assert PROBLEMS.keys() == {problem.code for problem in catalogue()}
    assert all(str(word) for word in [*PROBLEMS.values(), *FIELDS.values()])
