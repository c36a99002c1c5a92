"""A conversation by forms alone, its receipt and transcript included; nothing that was written is lost."""

import json
import re

import pytest

from tests.pages.visitor import Visitor


def test_a_conversation_by_forms_alone(client, agent):
    cards = client.open(f"/agents?after={agent.person.id - 1}")
    page = client.open(cards.link(rf"/sessions/new\?agent_id={agent.person.id}"))
    page = client.fill(page, "/sessions", message="Une question", spending_limit="12,50")
    here = page.path
    assert re.fullmatch(r"/sessions/\d+", here)
    assert "Une question" in page.text

    page = agent.open("/inbox")
    assert "Une question" in page.text
    page = agent.fill(page, f"{here}/accept")
    assert page.path == here
    page = agent.fill(page, f"{here}/messages", message="Bonjour\r\nje vous écoute")
    assert "je vous écoute" in page.text

    page = client.open(here)
    sent = page.form(f"{here}/messages")
    for _ in range(2):
        answer = client.post(f"{here}/messages", {**sent, "message": "Merci !"})
        assert (answer.status, answer.location) == (303, f"{here}#newest")
    assert client.person.fetch(here.rpartition("/")[2]).texts[-1:] == ["Merci !"]
    assert client.person.fetch(here.rpartition("/")[2]).texts.count("Merci !") == 1

    page = client.fill(here, f"{here}/pause")
    assert "Paused by you" in page.text
    page = client.fill(page, f"{here}/resume")
    page = client.fill(page, f"{here}/limit", spending_limit="30.00")
    assert "€30.00" in page.text
    page = client.fill(page, f"{here}/limit", spending_limit="")
    assert client.person.show(here.rpartition("/")[2])["spending_limit"] is None
    page = client.fill(page, f"{here}/end")
    assert "You ended it" in page.text
    page = client.fill(page, f"{here}/rating", rating="4", comment="Très clair")
    assert "Thank you for your rating." in page.text
    assert (page.form(f"{here}/rating")["rating"], page.form(f"{here}/rating")["comment"]) == (
        "4",
        "Très clair",
    )

    for visitor in (client, agent):
        assert "Total" in visitor.open(visitor.open(here).link(rf"{here}/receipt")).text
        text = visitor.request("GET", f"{here}/transcript.txt")
        assert text.headers["Content-Disposition"].startswith("attachment; ")
        assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
        for words in ("Camille Moreau / Dr Anaïs Laurent", "je vous écoute", "Merci !"):
            assert words in text.body.decode()
        found = json.loads(visitor.request("GET", f"{here}/transcript.json").body)
        assert len(found["messages"]) == 3
        assert here in visitor.open("/sessions").link(rf"{here}")
    assert agent.open(f"{here}/transcript.pdf").status == 404
    assert "Très clair" in agent.open(here).text


def test_a_conversation_is_handed_over_by_forms(server, talk):
    other = Visitor(server, server.person("agent", "Me Girard", rate_cents=900))
    client, agent = Visitor(server, talk.client), Visitor(server, talk.agent)
    here = f"/sessions/{talk.id}"
    other.person.inbox()  # there, however long the others took
    page = agent.fill(here, f"{here}/transfer", agent_id=str(other.person.id))
    assert "The client is asked" in page.text
    page = client.fill(here, f"{here}/refuse")
    agent.fill(here, f"{here}/transfer", agent_id=str(other.person.id))
    page = client.open(here)
    assert "Me Girard , €9.00 a minute" in page.text
    assert "Agree to Me Girard, with obligation to pay, €9.00 a minute" in page.text
    # It is no longer what the client reads.
    other.person.post("/api/chat/agents/me", {"rate_per_minute": 9.5})
    agent.fill(here, f"{here}/transfer", agent_id=str(other.person.id))
    page = client.fill(page, f"{here}/agree")
    assert (page.status, page.alert[:16]) == (409, "What is offered ")
    page = client.fill(page, f"{here}/agree")
    assert "Me Girard" in page.text
    talk.client.send(talk.id, "Entre nous")
    assert talk.client.show(talk.id)["rate_per_minute"] == 9.5
    assert "This conversation was handed over to Me Girard." in agent.open(here).text
    assert "Entre nous" not in agent.open(here).text
    assert agent.post(f"{here}/messages", message="Encore").status == 404
    page = other.open(here)
    assert "Entre nous" in page.text
    # At no higher a rate it is handed over at once.
    page = other.fill(page, f"{here}/transfer", agent_id=str(server.person("agent", "Cheap", 0).id))
    assert (page.status, page.path) == (200, here)
    assert "This conversation was handed over to Cheap." in page.text
    assert agent.open(here).status == 404


def test_the_line_of_the_clock_stands_where_it_started(server, client, agent):
    client.person.ask(agent_id=agent.person.id, message="Une question")
    here = client.open("/sessions").link(r"/sessions/\d+")
    agent.fill(here, f"{here}/accept")
    assert "The clock has started" not in client.open(here).text
    agent.person.send(int(here.rpartition("/")[2]), "Je vous écoute")
    client.person.send(int(here.rpartition("/")[2]), "Merci")
    for visitor in (client, agent):
        log = visitor.open(here).text
        assert log.count("The clock has started: €2.50 a minute.") == 1
        assert log.rindex("Je vous écoute") < log.index("The clock has started") < log.rindex("Merci")


def test_a_message_that_is_refused_is_not_lost(server, talk):
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    long = "mot " * 1001
    page = client.fill(here, f"{here}/messages", message=long)
    assert page.status == 400
    assert page.alert == "A message has 1 to 4000 characters."
    kept = page.form(f"{here}/messages")
    assert kept["message"] == long
    page = client.fill(page, f"{here}/messages", message=long[:3999])
    assert page.status == 200
    assert talk.agent.fetch(talk.id).texts[-1] == long[:3999]


def test_a_message_of_an_earlier_sign_in_is_not_lost(server, talk):
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    page = client.post(f"{here}/messages", message="Écrit avant", csrf="old")
    assert page.status == 403
    assert page.form(f"{here}/messages")["message"] == "Écrit avant"
    assert "Écrit avant" in client.fill(page, f"{here}/messages").text
    assert talk.agent.fetch(talk.id).texts[-1] == "Écrit avant"


def test_a_message_after_the_sign_in_has_ended_can_still_be_copied(server, talk):
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    page = client.open(here)
    talk.client.post("/api/auth/logout")
    page = client.fill(page, f"{here}/messages", message="Écrit pendant ce temps")
    assert (page.status, page.alert) == (401, "Sign in first.")
    assert "Écrit pendant ce temps" in page.text
    assert client.post(f"{here}/pause").location == "/login"
    elsewhere = client.post(f"{here}/messages", message="Acheter !", headers={"Sec_Fetch_Site": "cross-site"})
    assert "Acheter" not in elsewhere.text


def test_a_line_break_counts_once_as_in_the_browser(server, talk):
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    page = client.fill(here, f"{here}/messages", message="a\r\n" * 1999 + "bc")
    assert page.status == 200
    assert talk.agent.fetch(talk.id).texts[-1] == "a\n" * 1999 + "bc"


def test_a_message_that_comes_too_late_can_still_be_copied(server, talk):
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    page = client.open(here)
    talk.agent.do("end", talk.id)
    page = client.fill(page, f"{here}/messages", message="Encore une chose")
    assert (page.status, page.alert) == (409, "The conversation has ended.")
    assert "Encore une chose" in page.text
    assert page.form(f"{here}/rating")


def test_another_message_with_a_used_key_is_not_lost(server, talk):
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    page = client.open(here)
    client.fill(page, f"{here}/messages", message="Une")
    page = client.fill(page, f"{here}/messages", message="Deux")
    assert page.status == 409
    page = client.fill(page, f"{here}/messages")
    assert page.status == 200
    assert talk.agent.fetch(talk.id).texts[-2:] == ["Une", "Deux"]


@pytest.mark.parametrize(
    ("action", "values", "kept"),
    [
        ("messages", {"message": " "}, None),
        ("messages", {"message": "a\0b"}, None),
        ("messages", {"message": "x", "key": "é"}, "message"),
        ("messages", {"message": "x", "key": "k" * 65}, "message"),
        ("limit", {"spending_limit": "-1"}, "spending_limit"),
        ("limit", {"spending_limit": "douze"}, "spending_limit"),
        ("limit", {"spending_limit": "1e999999"}, "spending_limit"),
        ("limit", {"spending_limit": "NaN"}, "spending_limit"),
        ("limit", {"spending_limit": "sNaN"}, "spending_limit"),
        ("limit", {"spending_limit": "Infinity"}, "spending_limit"),
        ("limit", {"spending_limit": "0.001"}, "spending_limit"),
        ("limit", {"spending_limit": "12,000"}, "spending_limit"),
        ("limit", {"spending_limit": "12.000"}, "spending_limit"),
        ("limit", {"spending_limit": "1_2"}, "spending_limit"),
        ("limit", {"spending_limit": "12e2"}, "spending_limit"),
        ("limit", {"spending_limit": "\u0661\u0662"}, "spending_limit"),
        ("limit", {"spending_limit": "1000000.01"}, "spending_limit"),
        ("limit", {"spending_limit": "9" * 5000}, "spending_limit"),
        ("rating", {"rating": "6"}, None),
        ("rating", {}, None),
        ("transfer", {}, None),
        ("accept", {}, None),
    ],
)
def test_what_cannot_be_done_leads_back_with_a_reason(server, talk, action, values, kept):
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    page = client.post(f"{here}/{action}", values)
    assert 400 <= page.status < 500
    assert page.alert
    assert "Bonjour" in page.text
    if kept:
        assert page.form(f"{here}/{action}")[kept] == values[kept]
    assert talk.client.show(talk.id)["status"] == "active"


def test_a_long_comment_is_not_lost(server, talk):
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    talk.client.do("end", talk.id)
    page = client.fill(here, f"{here}/rating", rating="2", comment="x" * 1001)
    assert page.status == 400
    assert page.form(f"{here}/rating")["comment"] == "x" * 1001
    assert page.form(f"{here}/rating")["rating"] == "2"


def test_older_messages_are_a_link_away(server, talk):
    for number in range(60):
        talk.agent.send(talk.id, f"message {number}")
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    for page in (client.open(here), client.post(f"{here}/messages", message="")):
        assert "message 59" in page.text
        assert "message 0 " not in page.text
        link = page.link(r".*\?before=\d+")
        older = client.open(f"{here}{link}" if link.startswith("?") and page.path == here else link)
        assert "message 0 " in older.text
        assert "message 59" not in older.text
