"""The list of agents, and asking one of them."""


def test_a_disabled_agent_is_not_listed_and_not_asked(admin, client, agent):
    after = f"/agents?after={agent.person.id - 1}"
    assert "Dr Anaïs Laurent" in client.open(after).text
    admin.post(f"/admin/people/{agent.person.id}/disable")
    assert "Dr Anaïs Laurent" not in client.open(after).text
    assert client.open(f"/sessions/new?agent_id={agent.person.id}").status == 404
    assert client.post("/sessions", agent_id=agent.person.id).status == 404


def test_a_request_that_is_refused_keeps_its_text(client, agent):
    for wrong in ({"message": "x" * 4001}, {"message": "Bonjour", "spending_limit": "beaucoup"}):
        page = client.fill(f"/sessions/new?agent_id={agent.person.id}", "/sessions", **wrong)
        assert page.status == 400
        assert page.alert
        assert page.form("/sessions")["message"] == wrong["message"]
        assert page.form("/sessions")["agent_id"] == str(agent.person.id)
    agent.person.post("/api/chat/agents/me", {"available": False})
    page = client.fill(page, "/sessions", message="Bonjour", spending_limit="")
    assert (page.status, page.alert) == (409, "This agent takes no requests at the moment.")
    assert page.form("/sessions")["message"] == "Bonjour"
