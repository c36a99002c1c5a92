"""An agent blocks a client, and either side reports a conversation."""

import pytest

from chat import store
from tests.pages.visitor import Visitor


@pytest.fixture
def server(site):
    return site


@pytest.fixture
def admin(server):
    return server.person("admin", "Root")


def met(client, agent):
    """A session of theirs that has ended."""
    session = client.ask(agent_id=agent.id)
    agent.do("accept", session["id"])
    agent.do("end", session["id"])
    return session["id"]


def block(who, client, reason="Insults"):
    answer = who.post("/api/chat/blocks", {"client_id": client.id, "reason": reason})
    assert answer.status == 200, answer.json


def lift(who, client):
    assert who.post(f"/api/chat/blocks/{client.id}/lift").status == 200


def ask(client, **what):
    return client.post("/api/chat/sessions", {"max_rate": 1000, **what})


def card(client, agent):
    """How the client sees the agent."""
    listed = client.get(f"/api/chat/agents?afterAgentId={agent.id - 1}&limit=1").json
    return listed["agents"][0]


def test_a_client_who_is_blocked_asks_another_agent_and_not_this_one(server, client, agent):
    met(client, agent)
    other, bystander = server.person("agent"), server.person("client")
    block(agent, client)
    refused = ask(client, agent_id=agent.id)
    assert (refused.status, refused.json["code"]) == (409, "not_for_client")
    assert "Insults" not in refused.body.decode()
    assert not card(client, agent)["is_for_you"]
    assert card(client, other)["is_for_you"]
    assert card(bystander, agent)["is_for_you"]
    assert ask(client, agent_id=other.id).status == 201
    assert ask(bystander, agent_id=agent.id).status == 201
    lift(agent, client)
    assert card(client, agent)["is_for_you"]
    assert ask(client, agent_id=agent.id).status == 201
    assert agent.post(f"/api/chat/blocks/{client.id}/lift").status == 404


def test_a_request_to_any_agent_does_not_reach_who_blocks_its_client(server, client, agent):
    met(client, agent)
    other = server.person("agent")
    asked = client.ask(message="Anybody?")["id"]
    cursor = agent.inbox().json["cursor"]
    assert asked in [each["id"] for each in agent.inbox().json["sessions"]]
    held = agent.await_inbox(cursor)
    block(agent, client)
    assert held.result().json["removed"] == [asked]
    assert asked not in [each["id"] for each in agent.inbox().json["sessions"]]
    assert agent.do("accept", asked).status == 404
    page = Visitor(server, agent).open(f"/sessions/{asked}")
    assert page.status == 404
    assert asked in [each["id"] for each in other.inbox().json["sessions"]]
    held = agent.await_inbox(held.result().json["cursor"])
    lift(agent, client)
    assert [each["id"] for each in held.result().json["sessions"]] == [asked]
    block(agent, client)
    assert other.do("accept", asked).status == 200


def test_what_goes_on_goes_on_and_what_waits_is_declined(server, client, agent):
    going_on = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", going_on)
    block(agent, client)
    assert agent.send(going_on, "I am still here").status == 201
    assert client.send(going_on, "So am I").status == 201
    assert client.show(going_on)["status"] == "active"
    agent.do("end", going_on)
    lift(agent, client)
    waiting = client.ask(agent_id=agent.id)["id"]
    block(agent, client)
    session = client.show(waiting)
    assert (session["status"], session["end_reason"], session["total_cost"]) == ("ended", "declined", 0)


def test_nobody_is_handed_over_to_who_blocks_them(server, client, agent):
    dearer = server.person("agent", rate_cents=990)
    cheaper = server.person("agent", rate_cents=100)
    for each in (dearer, cheaper):
        met(client, each)
    session = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", session)
    agent.do("transfer", session, agent_id=dearer.id)
    offer = client.show(session)["transfer"]
    for each in (dearer, cheaper):
        block(each, client)
    refused = client.do(
        "transfer/agree", session, agent_id=offer["agent_id"], rate_per_minute=offer["rate_per_minute"]
    )
    assert (refused.status, refused.json["code"]) == (409, "not_for_client")
    assert agent.do("transfer", session, agent_id=cheaper.id).json["code"] == "not_for_client"
    assert client.show(session)["agent"]["id"] == agent.id
    page = Visitor(server, agent).open(f"/sessions/{session}")
    offered = [values["value"] for tag, values in page.read.tags if tag == "option"]
    assert str(cheaper.id) not in offered


def test_who_is_shut_out_agrees_to_no_other_agent(server, client, agent, admin):
    dearer, session = server.person("agent", rate_cents=990), client.ask(agent_id=agent.id)["id"]
    agent.do("accept", session)
    agent.do("transfer", session, agent_id=dearer.id)
    block(admin, client)
    refused = client.do("transfer/agree", session, agent_id=dearer.id, rate_per_minute=9.9)
    assert (refused.status, refused.json["code"]) == (409, "not_for_client")
    assert client.show(session)["agent"]["id"] == agent.id


def test_an_administrator_shuts_a_client_out_from_all_agents(server, client, agent, admin):
    waiting = client.ask(agent_id=agent.id)["id"]
    queued = client.ask()["id"]
    block(admin, client, "Fraud")
    assert [client.show(each)["end_reason"] for each in (waiting, queued)] == ["declined"] * 2
    for what in ({}, {"agent_id": agent.id}):
        refused = ask(client, **what)
        assert (refused.status, refused.json["code"]) == (409, "nobody_for_client")
    assert not card(client, agent)["is_for_you"]
    met_before = server.person("client")
    met(met_before, agent)
    block(agent, met_before)
    found = admin.get(f"/api/chat/blocks?userId={client.id}").json["blocks"]
    assert [(each["agent"], each["reason"]) for each in found] == [(None, "Fraud")]
    lift(admin, client)
    assert ask(client).status == 201


def test_a_block_is_an_agents_own_and_of_clients_they_have_met(server, client, agent, admin):
    stranger, colleague = server.person("client"), server.person("agent")
    met(client, agent)
    for who, whom, status in (
        (agent, stranger, 404),
        (agent, colleague, 404),
        (colleague, client, 404),
        (admin, colleague, 404),
        (client, stranger, 403),
    ):
        assert who.post("/api/chat/blocks", {"client_id": whom.id}).status == status
    block(agent, client, "One")
    block(agent, client, "Two")
    found = agent.get("/api/chat/blocks").json["blocks"]
    assert [(each["client"]["id"], each["reason"]) for each in found] == [(client.id, "Two")]
    assert colleague.get(f"/api/chat/blocks?userId={agent.id}").status == 403
    assert colleague.get("/api/chat/blocks").json["blocks"] == []
    assert client.get("/api/chat/blocks").status == 403
    assert admin.get(f"/api/chat/blocks?userId={agent.id}").json["blocks"] == found


def test_a_client_is_blocked_on_the_pages(server, client, agent, admin):
    session = met(client, agent)
    desk, visitor = Visitor(server, agent), Visitor(server, client)
    page = desk.open(f"/sessions/{session}")
    place = page.link(rf"/sessions/{session}/report")
    shown = desk.fill(place, f"/sessions/{session}/block", reason="Rude")
    assert "no more requests of theirs reach you" in shown.text
    profile = desk.open("/profile")
    assert "Camille Moreau" in profile.text and "Rude" in profile.text
    assert "Rude" in Visitor(server, admin).open(f"/admin/people/{client.id}").text
    assert "Rude" in Visitor(server, admin).open(f"/admin/people/{agent.id}").text
    agents = visitor.open(f"/agents?after={agent.id - 1}")
    assert "Not available for you" in agents.text
    refused = visitor.fill(
        visitor.open(f"/sessions/new?agent_id={agent.id}"), "/sessions", message="Why not?"
    )
    assert refused.status == 409
    assert refused.alert == "This agent is not available for this conversation; choose another one."
    desk.fill("/profile", f"/blocks/{client.id}/lift")
    assert "You block nobody." in desk.open("/profile").text
    office = Visitor(server, admin)
    place = f"/admin/people/{client.id}"
    assert "All agents" in office.fill(place, f"{place}/block", reason="Fraud").text
    assert "No agent is available for you." in visitor.post("/sessions", max_rate="5").text
    assert "Nobody." in office.fill(place, f"{place}/unblock").text


def test_blocks_are_there_page_by_page(server, client, agent, admin):
    def fill(db):
        for number in range(51):
            one = store.users.insert(
                db, "client", f"Client {number}", f"b{agent.id}.{number}@e.org", "", 0, 1
            )
            store.blocks.insert(db, one, agent.id, f"Reason {number}.", number)

    session = met(client, agent)
    block(agent, client, "The oldest one.")
    server.database.write(fill)
    seen, before = [], 2**62
    for is_last in (False, False, True):
        answer = agent.get(f"/api/chat/blocks?limit=25&beforeBlockId={before}").json
        seen += [each["reason"] for each in answer["blocks"]]
        before = answer["blocks"][-1]["id"]
        assert answer["has_more"] != is_last
    assert seen == [*(f"Reason {number}." for number in range(50, -1, -1)), "The oldest one."]
    for who, place in ((agent, "/profile"), (admin, f"/admin/people/{agent.id}")):
        first = Visitor(server, who).open(place)
        assert "Reason 50." in first.text and "Reason 0." not in first.text
        link = first.link(r"\?before=\d+#blocks-title").partition("#")[0]
        second = Visitor(server, who).open(place + link)
        assert "The oldest one." in second.text and "Older blocks" not in second.text
    # What one block is about finds it, however many are newer.
    assert "The oldest one." in Visitor(server, agent).open(f"/sessions/{session}/report").text


def report(who, session, reason="abuse", remark="They shouted."):
    return who.post(f"/api/chat/sessions/{session}/reports", {"reason": reason, "remark": remark})


def test_a_report_is_received_and_handled_and_its_reporter_sees_when(server, client, agent, admin):
    session = met(client, agent)
    made = report(client, session)
    assert made.status == 201
    assert (made.json["report"]["status"], made.json["report"]["note"]) == ("open", None)
    again = report(client, session, "spam", "And more.")
    assert (again.status, again.json["code"]) == (409, "report_open")
    assert report(agent, session, "other", "They did not pay.").status == 201
    mine = client.get(f"/api/chat/sessions/{session}/reports").json["reports"]
    assert [each["remark"] for each in mine] == ["They shouted."]
    number = made.json["report"]["id"]
    for who in (client, agent):
        assert who.get("/api/chat/reports").status == 403
        assert who.post(f"/api/chat/reports/{number}/done", {}).status == 403
    done = admin.post(f"/api/chat/reports/{number}/done", {"note": "Warned them"}).json["report"]
    assert (done["status"], done["note"]) == ("done", "Warned them")
    # What is done stays as it is.
    assert admin.post(f"/api/chat/reports/{number}/done", {"note": "?"}).json["report"] == done
    mine = client.get(f"/api/chat/sessions/{session}/reports").json["reports"]
    assert (mine[0]["status"], mine[0]["done_at"], mine[0]["note"]) == ("done", done["done_at"], None)
    assert report(client, session, "spam", "Again.").status == 201
    listed = admin.get("/api/chat/reports?status=done&limit=1").json
    assert listed["reports"][0] == done
    assert admin.post(f"/api/chat/reports/{2**40}/done", {}).status == 404


def test_all_reports_are_there_page_by_page(server, agent, admin):
    sessions = [met(server.person("client"), agent) for _ in range(3)]
    made = [report(agent, each, "spam", f"Page {each}").json["report"]["id"] for each in sessions]
    seen, before = [], made[-1] + 1
    for _ in range(3):
        found = admin.get(f"/api/chat/reports?limit=1&beforeReportId={before}").json
        seen.append(before := found["reports"][0]["id"])
        assert found["has_more"] or before == made[0]
    assert seen == made[::-1]


def test_a_conversation_is_reported_on_the_pages(server, client, agent, admin):
    session = met(client, agent)
    visitor, office = Visitor(server, client), Visitor(server, admin)
    place = f"/sessions/{session}/report"
    for page in (f"/sessions/{session}", f"/sessions/{session}/receipt", "/sessions"):
        assert visitor.open(page).link(place)
    assert "can read this conversation" in visitor.open(f"/sessions/{session}").text
    blank = visitor.fill(place, place, reason="fraud", remark=" ")
    assert (blank.status, blank.alert) == (400, "Write 1 to 2000 characters.")
    assert blank.form(place)["reason"] == "fraud"
    shown = visitor.fill(blank, place, remark="They <b>promised</b> gold.")
    assert "whoever runs this server looks at it" in shown.text
    assert "received on" in shown.text and "handled on" not in shown.text
    assert place not in [each["action"] for each in shown.posts]
    listed = office.open("/admin/reports")
    assert "They <b>promised</b> gold." in listed.text
    assert listed.link(rf"/admin/sessions/{session}")
    number = client.get(f"/api/chat/sessions/{session}/reports").json["reports"][0]["id"]
    office.fill(listed, f"/admin/reports/{number}/done", note="Refunded")
    assert "Refunded" in office.open("/admin/reports?status=done").text
    shown = visitor.open(place)
    assert "handled on" in shown.text and "Refunded" not in shown.text
    assert place in [each["action"] for each in shown.posts]
