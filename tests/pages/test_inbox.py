"""The inbox: whether an agent takes requests, and what becomes of them."""

import pytest


@pytest.mark.parametrize("available", ["0", "1"])
def test_an_agent_says_whether_they_take_requests(agent, available):
    agent.person.post("/api/chat/agents/me", {"available": available == "0"})
    page = agent.open("/inbox")
    assert page.form("/availability")["available"] == available
    page = agent.fill(page, "/availability")
    assert ("Takes no requests" in page.text) == (available == "0")


def test_requests_are_declined_and_taken_back_by_forms(client, agent):
    here = client.fill(f"/sessions/new?agent_id={agent.person.id}", "/sessions", message="Bonjour").path
    assert agent.fill(here, f"{here}/decline").path == "/inbox"
    assert "Declined" in client.open(here).text
    here = client.fill("/sessions/new", "/sessions", message="À qui est libre", max_rate="1,80").path
    page = agent.open(here)
    assert "À qui est libre" in page.text
    assert "You took it back" in client.fill(here, f"{here}/cancel").text
    assert agent.post(f"{here}/accept").status in (404, 409)
