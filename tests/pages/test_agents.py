"""The list of agents, and asking one of them."""

import re

from tests.pages.visitor import Visitor


def test_a_disabled_agent_is_not_listed_and_not_asked(admin, client, agent):
    after = f"/agents?after={agent.person.id - 1}"
    assert "Dr Anaïs Laurent" in client.open(after).text
    admin.post(f"/admin/people/{agent.person.id}/disable")
    assert "Dr Anaïs Laurent" not in client.open(after).text
    assert client.open(f"/sessions/new?agent_id={agent.person.id}").status == 404
    assert client.post("/sessions", agent_id=agent.person.id, rate_cents="250").status == 404


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


def button(page):
    """What the button of a request says."""
    return next(text for text in page.read.texts if text.startswith("Request, ")).strip()


def test_a_request_is_made_at_the_price_that_the_button_says(client, agent):
    page = client.open(f"/sessions/new?agent_id={agent.person.id}")
    assert button(page) == "Request, with obligation to pay, €2.50 a minute"
    assert page.form("/sessions")["rate_cents"] == "250"
    agent.person.post("/api/chat/agents/me", {"rate_per_minute": 4})
    for what in ({}, {"rate_cents": ""}):
        refused = client.fill(page, "/sessions", message="Bonjour", **what)
        assert refused.status == 409
        assert refused.alert.startswith("A minute costs more by now than what was shown.")
    assert client.person.inbox().json["sessions"] == []
    # It comes again with the price as it is, and with what was written.
    assert button(refused) == "Request, with obligation to pay, €4.00 a minute"
    assert refused.form("/sessions")["message"] == "Bonjour"
    here = client.fill(refused, "/sessions")
    assert "at most €4.00 a minute" in here.text
    assert client.person.inbox().json["sessions"][0]["max_rate"] == 4


def test_a_request_to_any_agent_names_a_maximum(client, agent):
    page = client.open("/sessions/new")
    assert button(page) == "Request, with obligation to pay"
    for wrong in ("", "zu viel", "-1"):
        refused = client.fill(page, "/sessions", message="Bonjour", max_rate=wrong)
        told = "Enter what a minute may cost at most, in EUR, like 12.50."
        assert (refused.status, refused.alert) == (400, told)
    here = client.fill(refused, "/sessions", max_rate="1,80")
    assert "at most €1.80" in here.text
    page = agent.open(here.path)
    assert "€1.80 a minute" in page.text
    # In the queue, too, above the button.
    assert re.search("€1.80 a minute Bonjour .{0,40}Accept", agent.open("/inbox").text)
    agent.fill(page, f"{here.path}/accept")
    assert client.person.inbox().json["sessions"][0]["rate_per_minute"] == 1.8


def test_an_agent_free_of_charge_obliges_to_nothing(server, client):
    free = server.person("agent", "Me Gratis", rate_cents=0)
    page = client.open(f"/sessions/new?agent_id={free.id}")
    assert "Send the request, free of charge" in page.text
    assert "obligation" not in page.text
    assert client.fill(page, "/sessions").status == 200


def test_who_cannot_pay_for_a_minute_is_told_what_is_missing_and_where(start):
    server = start(prepaid=1, spending_limit="20.00")
    client, agent = Visitor(server, server.person("client")), server.person("agent")
    page = client.open(f"/sessions/new?agent_id={agent.id}")
    assert page.form("/sessions")["spending_limit"] == "20.00"
    assert "Your balance is €0.00." in page.text
    refused = client.fill(page, "/sessions")
    assert (refused.status, refused.alert) == (409, "The balance does not pay for the next minute.")
    assert "€2.50 is missing to begin with." in refused.text
    assert refused.link("/balance")
    entry = {"user_id": client.person.id, "kind": "top_up", "amount": 2.5, "reason": "Card"}
    server.person("admin").pay("/api/chat/balance", entry)
    # Whoever empties the field wants no limit.
    client.fill(refused, "/sessions", spending_limit="")
    assert client.person.inbox().json["sessions"][0]["spending_limit"] is None
