"""A client's file: notes of agents and administrators, earlier conversations, and a note with a hand-over.

Whoever served the client reads it, and the client never does, whatever they ask.
"""

import json
from itertools import pairwise

import pytest

from tests.pages.visitor import Visitor
from tests.streams import SSE, WS


@pytest.fixture
def server(site):
    return site


@pytest.fixture
def talk(site):
    return site.conversation()


@pytest.fixture
def client_id(talk):
    return talk.client.show(talk.id)["client"]["id"]


@pytest.fixture
def colleague(site):
    return site.person("agent", "Me Girard", 100)


def notes_of(client_id, *rest):
    return "/".join(("/api/chat/clients", str(client_id), "notes", *map(str, rest)))


def keep(who, client_id, text="Prefers short answers.", **more):
    return who.post(notes_of(client_id), {"text": text, **more})


def file_of(who, client_id, query=""):
    return who.get(f"/api/chat/clients/{client_id}{query}")


def texts(who, client_id):
    return [note["text"] for note in file_of(who, client_id).json["notes"]]


def test_who_served_the_client_keeps_notes_and_reads_those_of_others(server, talk, client_id, colleague):
    made = keep(talk.agent, client_id, "  Works\nat night. ", chat_session_id=talk.id)
    assert made.status == 201
    note = made.json["note"]
    assert (note["text"], note["by"], note["is_own"]) == ("Works\nat night.", "agent", True)
    assert (note["chat_session_id"], note["edited_at"], note["handed_to"]) == (talk.id, None, None)
    assert file_of(colleague, client_id).status == keep(colleague, client_id).status == 404
    talk.agent.do("transfer", talk.id, agent_id=colleague.id)
    told = file_of(colleague, client_id).json["notes"]
    assert [(each["id"], each["is_own"]) for each in told] == [(note["id"], False)]
    assert keep(server.person("admin"), client_id, "Pays on paper.").json["note"]["by"] == "admin"
    assert texts(talk.agent, client_id) == ["Pays on paper.", "Works\nat night."]


def test_whoever_served_counts_after_any_number_of_hand_overs(server, talk, client_id, colleague):
    talk.agent.send(talk.id, "Bonjour")
    agents = [
        talk.agent,
        colleague,
        server.person("agent", rate_cents=50),
        server.person("agent", rate_cents=0),
    ]
    for one, other in pairwise(agents):
        assert one.do("transfer", talk.id, agent_id=other.id).status == 200
    assert [file_of(each, client_id).status for each in agents] == [200] * 4
    assert talk.agent.post("/api/chat/blocks", {"client_id": client_id}).status == 200


def test_a_note_is_kept_once_and_changed_by_its_author(server, talk, client_id, colleague):
    path, first = notes_of(client_id), {"text": "Once."}
    made, again = (talk.agent.post(path, first, Idempotency_Key="k") for _ in range(2))
    assert (made.status, again.status, again.json["duplicate"]) == (201, 200, True)
    assert made.json["note"] == again.json["note"]
    other = talk.agent.post(path, {"text": "Another."}, Idempotency_Key="k")
    assert (other.status, other.json["code"]) == (409, "idempotency_mismatch")
    here = notes_of(client_id, made.json["note"]["id"])
    changed = talk.agent.post(here, {"text": "Once, and again."}).json["note"]
    assert changed["text"] == "Once, and again."
    assert changed["edited_at"] is not None
    assert talk.agent.post(path, first, Idempotency_Key="k").json["note"] == changed
    talk.agent.do("transfer", talk.id, agent_id=colleague.id)
    assert colleague.post(here, {"text": "Mine"}).status == colleague.post(f"{here}/delete").status == 403
    assert server.person("admin").post(here, {"text": "Mine"}).status == 403
    assert talk.agent.post(f"{here}/delete").json == {"success": True}
    assert talk.agent.post(f"{here}/delete").status == 404
    assert texts(talk.agent, client_id) == []


def test_an_administrator_deletes_a_note_and_the_log_says_so(server, talk, client_id):
    admin = server.person("admin")
    note = keep(talk.agent, client_id).json["note"]["id"]
    assert file_of(admin, client_id).status == 200
    assert admin.post(f"{notes_of(client_id, note)}/delete").status == 200
    found = admin.get(f"/api/chat/audit?userId={client_id}").json["entries"]
    assert [each["kind"] for each in found if each["actor"]["id"] == admin.id] == [
        "note_deleted",
        "file_read",
    ]


@pytest.mark.parametrize("text", ["", " \n ", "\u200b", "x" * 4001, "a\0b"])
def test_a_note_is_a_text_as_a_message_is(talk, client_id, text):
    refused = keep(talk.agent, client_id, text)
    assert (refused.status, refused.json["field"]) == (400, "text")
    assert keep(talk.agent, client_id, "x" * 4000).status == 201


def test_a_note_is_of_the_clients_own_conversation(server, talk, client_id):
    other = server.conversation()
    assert keep(talk.agent, client_id, chat_session_id=other.id).status == 404
    strange = other.client.show(other.id)["client"]["id"]
    note = keep(other.agent, strange).json["note"]["id"]
    assert talk.agent.post(notes_of(client_id, note), {"text": "Mine"}).status == 404


def test_the_file_has_what_was_paid_to_whom(start):
    server = start()
    client = server.person("client")
    first, second = server.person("agent", "First", 300), server.person("agent", "Second", 200)

    def converse(agent, seconds):
        asked = client.ask(agent_id=agent.id)["id"]
        agent.do("accept", asked)
        agent.send(asked, "Bonjour")
        for who in (client, agent):
            who.fetch(asked)
        server.advance(seconds)
        return asked

    alone = converse(first, 30)
    assert file_of(first, client.id).json["is_first"] is True
    client.do("end", alone)
    client.do("rating", alone, rating=4)
    shared = converse(first, 30)
    first.do("transfer", shared, agent_id=second.id)
    second.send(shared, "Me voici")
    client.do("end", shared)
    admin = server.person("admin")
    given = {"amount": 1.00, "reason": "The line"}
    assert admin.pay(f"/api/chat/sessions/{alone}/receipt/credits", given).status == 201
    files = {who: file_of(who, client.id).json for who in (first, second, admin)}
    paid = [(each["paid"][0]["minutes"], each["paid"][0]["amount"]) for each in files.values()]
    assert paid == [(2, 5.00), (0, 0.00), (2, 5.00)]
    assert [each["conversation_count"] for each in files.values()] == [2, 2, 2]
    assert {each["is_first"] for each in files.values()} == {False}

    def told(who):
        return [(each["id"], each["cost"], each["rating"], each["access"]) for each in files[who]["sessions"]]

    assert told(first) == [(shared, 3.00, None, "receipt"), (alone, 3.00, 4, "conversation")]
    assert told(second) == [(shared, 3.00, None, "conversation"), (alone, None, None, None)]
    assert told(admin) == [(shared, 3.00, None, "conversation"), (alone, 3.00, 4, "conversation")]
    page = file_of(admin, client.id, f"?beforeSessionId={shared}&limit=1").json
    assert ([each["id"] for each in page["sessions"]], page["has_more"]) == ([alone], False)


def test_the_file_says_who_is_blocked_and_reported(server, talk, client_id):
    talk.agent.post("/api/chat/blocks", {"client_id": client_id, "reason": "Insults"})
    report = {"reason": "abuse", "remark": "Insults"}
    for who in (talk.agent, talk.client):
        assert who.post(f"/api/chat/sessions/{talk.id}/reports", report).status == 201
    found = file_of(talk.agent, client_id).json
    assert (found["block"]["reason"], found["is_shut_out"], found["open_reports"]) == ("Insults", False, 1)
    admin = server.person("admin")
    admin.post("/api/chat/blocks", {"client_id": client_id, "reason": "Fraud"})
    assert "Fraud" not in file_of(talk.agent, client_id).body.decode()
    assert file_of(talk.agent, client_id).json["is_shut_out"] is True
    page = Visitor(server, talk.agent).open(f"/clients/{client_id}")
    for text in ("by you", "Insults", "for all agents", "1 open report", "First time here"):
        assert text in page.text


def test_a_hand_over_brings_its_note_to_the_colleague(server, talk, client_id, colleague):
    bad = talk.agent.do("transfer", talk.id, agent_id=colleague.id, text="x" * 4001)
    assert (bad.status, bad.json["field"]) == (400, "text")
    held = colleague.await_inbox(colleague.inbox().json["cursor"])
    for _ in range(2):
        talk.agent.do("transfer", talk.id, agent_id=colleague.id, text="Ask about the lease.")
    (card,) = held.result().json["sessions"]
    assert (card["id"], card["handover_note"]) == (talk.id, "Ask about the lease.")
    (note,) = file_of(colleague, client_id).json["notes"]
    assert (note["handed_to"], note["chat_session_id"]) == (
        {"id": colleague.id, "name": "Me Girard"},
        talk.id,
    )
    page = Visitor(server, colleague).open(f"/sessions/{talk.id}")
    assert page.text.count("Ask about the lease.") == 2  # At its top, and on its card.
    colleague.send(talk.id, "Bonjour")
    (card,) = [each for each in colleague.inbox().json["sessions"] if each["id"] == talk.id]
    assert card["handover_note"] is None


def test_who_is_asked_about_a_dearer_colleague_sees_whether_they_are_there(server, talk, client_id):
    dearer = server.person("agent", "Me Noir", 990)
    for _ in range(2):
        talk.agent.do("transfer", talk.id, agent_id=dearer.id, text="Ask about the lease.")
    offer = talk.client.show(talk.id)["transfer"]
    assert (offer["agent_name"], offer["rate_per_minute"], offer["status"]) == ("Me Noir", 9.90, "available")
    page = Visitor(server, talk.client).open(f"/sessions/{talk.id}")
    assert "Me Noir , €9.90 a minute · Available" in page.text
    dearer.post("/api/chat/agents/me", {"available": False})
    assert talk.client.show(talk.id)["transfer"]["status"] == "away"
    assert texts(talk.agent, client_id) == ["Ask about the lease."]


def test_the_choice_of_colleagues_says_who_is_there_and_what_they_cost(server, talk, colleague):
    dearer, away = server.person("agent", "Me Noir", 990), server.person("agent", "Me Loin")
    away.post("/api/chat/agents/me", {"available": False})
    page = Visitor(server, talk.agent).open(f"/sessions/{talk.id}")
    choices = {values["value"]: values for _, values in page.read.tags if values.get("name") == "agent_id"}
    for who, text, is_off in (
        (colleague, "Me Girard Available · €1.00 a minute", False),
        (dearer, "Me Noir Available · €9.90 a minute · the client is asked first", False),
        (away, "Me Loin Takes no requests now · €2.50 a minute", True),
    ):
        assert text in page.text
        assert ("disabled" in choices[str(who.id)]) == is_off
    assert str(talk.agent.id) not in choices


def test_no_note_reaches_the_client(server, talk, client_id, colleague):
    """On no route, and over no transport: neither when it is kept nor when it comes with a hand-over."""
    secret = f"kanarie{client_id}"
    keep(talk.agent, client_id, f"{secret} kept", chat_session_id=talk.id)
    with SSE(talk.client, "/api/chat/stream") as events, WS(talk.client, "/api/chat/ws") as frames:
        polls = [
            talk.client.poll(talk.id, cursor=talk.client.fetch(talk.id).json["cursor"]),
            talk.client.await_inbox(talk.client.inbox().json["cursor"], peers=""),
        ]
        for told in (events, frames):
            told.one("open")
        talk.agent.do("transfer", talk.id, agent_id=colleague.id, text=f"{secret} handed over")
        colleague.send(talk.id, "The last")
        heard = [
            event.data
            for told in (events, frames)
            for event in told.until("message", lambda data: data["message"] == "The last")
        ]
        assert secret not in json.dumps(heard)
        assert not [poll for poll in polls if secret in poll.result().body.decode()]
    visitor = Visitor(server, talk.client)
    talk.client.do("end", talk.id)
    here = f"/sessions/{talk.id}"
    api = (
        "/api/chat/sessions",
        f"/api/chat{here}",
        f"/api/chat{here}/receipt",
        f"/api/chat/messages/{talk.id}",
    )
    pages = ("/agents", "/sessions", here, *(f"{here}/{each}" for each in ("receipt", "report", "news")))
    transcripts = (f"{here}/transcript.txt", f"{here}/transcript.json", "/api/chat/sessions?status=ended")
    for path in (*api, *pages, *transcripts):
        answer = visitor.open(path)
        assert answer.status == 200, path
        assert secret not in answer.body.decode(), path
    for path in (
        f"/clients/{client_id}",
        f"/clients/{client_id}/file.json",
        f"/api/chat/clients/{client_id}",
    ):
        answer = visitor.open(path)
        assert (answer.status, secret in answer.body.decode()) == (403, False), path
    # Nor what an agent saves of the conversation, and may send them; the file itself has it.
    agent = Visitor(server, colleague)
    assert secret not in agent.open(f"{here}/transcript.json").body.decode()
    for kind in ("txt", "json"):
        saved = agent.open(f"/clients/{client_id}/file.{kind}")
        assert "attachment" in saved.headers["Content-Disposition"]
        assert f"{secret} kept" in saved.body.decode()


def test_the_file_works_without_scripts(server, talk, client_id):
    agent = Visitor(server, talk.agent)
    beside = agent.open(f"/sessions/{talk.id}")
    page = agent.open(beside.link(rf"/clients/{client_id}\?session={talk.id}"))
    where = f"?session={talk.id}"
    form = f"/clients/{client_id}/notes{where}"
    too_long = agent.fill(page, form, text="x" * 4001)
    assert (too_long.status, "A note has 1 to 4000 characters." in too_long.text) == (400, True)
    assert too_long.form(form)["text"] == "x" * 4001
    kept = agent.post(form, page.form(form), text="<b>Works</b>\nat night.")
    agent.post(form, page.form(form), text="<b>Works</b>\nat night.")  # Pressed twice.
    (note,) = file_of(talk.agent, client_id).json["notes"]
    assert note["chat_session_id"] == talk.id
    page = agent.open(kept.location.partition("#")[0])
    assert "<b>Works</b> at night." in page.text
    edit = f"/clients/{client_id}/notes/{note['id']}{where}"
    assert page.form(edit)["text"] == "<b>Works</b>\nat night."
    empty = agent.fill(page, edit, text=" ")
    assert empty.status == 400
    assert 'aria-invalid="true"' in empty.body.decode()
    page = agent.fill(page, edit, text="Works by day.")
    assert ("Works by day." in page.text, "changed" in page.text) == (True, True)
    page = agent.fill(page, f"/clients/{client_id}/notes/{note['id']}/delete{where}")
    assert "No notes yet." in page.text
