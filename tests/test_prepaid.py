"""Prepaid sessions over HTTP: paid once, whatever retries, workers and restarts do."""

import os
import signal
from dataclasses import replace
from http.client import HTTPException

import pytest

from chat import sessions, store
from tests.story import Story
from tests.threads import together


def conversation(server, top_up=10_000):
    """A client with a balance, who talks with an agent at 2.50."""
    admin, client, agent = (server.person(role) for role in ("admin", "client", "agent"))
    paid = admin.pay(
        "/api/chat/balance",
        {"user_id": client.id, "kind": "top_up", "amount": top_up / 100, "reason": "Card"},
    )
    assert (paid.status, paid.json["balance"]) == (201, top_up / 100)
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    agent.send(asked, "Bonjour")
    return asked, client, agent


def minutes_of(client):
    """The minutes in the client's ledger."""
    return sorted(
        entry["minute"]
        for entry in client.get("/api/chat/balance").json["ledger"]
        if entry["kind"] == "minute"
    )


def test_fifty_ends_a_sweep_and_a_killed_worker_charge_once(start, run):
    server = start(workers=2, prepaid=1)
    server.wait_until(lambda workers: len(workers) == 2)
    asked, client, agent = conversation(server)
    server.advance(250)
    first = server.workers()

    def end(number):
        if number == 25:
            os.kill(min(first), signal.SIGKILL)
        who = (client, agent)[number % 2]
        while True:
            try:
                return who.do("end", asked)
            except (OSError, HTTPException):
                threads.check()  # Its worker was killed; a client tries again.

    with together(server) as threads:
        answers = threads.map(end, range(50))
    assert {answer.status for answer in answers} == {200}
    assert {answer.json["session"]["total_cost"] for answer in answers} == {12.5}
    receipt = client.get(f"/api/chat/sessions/{asked}/receipt").json
    assert (receipt["total_cost"], receipt["charges"][0]["count"]) == (12.5, 5)
    assert minutes_of(client) == [1, 2, 3, 4, 5]
    assert client.get("/api/chat/balance").json["balance"] == 87.5
    assert run(server, "verify").startswith("All totals and balances are right.\n")


def test_the_sweeper_takes_each_minute_and_stops_when_nothing_is_left(start, run):
    server = start(prepaid=1)
    asked, client, agent = conversation(server, top_up=500)
    server.advance(600)
    server.wait_until(lambda _: minutes_of(client) == [1, 2])
    session = client.show(asked)
    assert (session["pause_reason"], session["total_cost"]) == ("balance", 5)
    assert session["duration_seconds"] == 120
    assert client.do("resume", asked).json["code"] == "insufficient_balance"
    run(server, "top-up", "client2@example.org", "2.50", "--reason", "Cash")
    assert client.do("resume", asked).json["session"]["status"] == "active"
    agent.do("end", asked)
    assert "All totals" in run(server, "verify")


def test_only_an_administrator_changes_balances(start):
    server = start()
    admin, client, agent = (server.person(role) for role in ("admin", "client", "agent"))
    entry = {"user_id": client.id, "kind": "top_up", "amount": 5, "reason": "Card"}
    for who in (client, agent):
        assert who.pay("/api/chat/balance", entry).json["code"] == "forbidden"
    assert admin.pay("/api/chat/balance", entry | {"user_id": 999}).status == 404
    assert admin.pay("/api/chat/balance", entry | {"user_id": agent.id}).status == 404
    assert admin.pay("/api/chat/balance", entry).status == 201
    too_much = admin.pay("/api/chat/balance", entry | {"kind": "refund", "amount": 5.01})
    assert (too_much.status, too_much.json["code"]) == (409, "insufficient_balance")
    balance = client.get("/api/chat/balance").json
    assert (balance["balance"], balance["has_more"]) == (5, False)
    (row,) = balance["ledger"]
    assert (row["kind"], row["amount"], row["actor_id"]) == ("top_up", 5, admin.id)


@pytest.mark.parametrize("amount", [0, -1, 1.234, "5", None, 1_000_001])
def test_an_amount_that_cannot_be_meant_is_named(start, amount):
    server = start()
    admin, client = server.person("admin"), server.person("client")
    answer = admin.pay(
        "/api/chat/balance", {"user_id": client.id, "kind": "top_up", "amount": amount, "reason": "Card"}
    )
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


def test_verify_tells_what_differs(start, run):
    server = start()
    asked, client, _ = conversation(server)
    server.advance(59)
    client.do("end", asked)
    server.database.write(lambda db: db.conn.execute("UPDATE chat_sessions SET total_cents = 1"))
    server.database.write(lambda db: db.conn.execute("UPDATE users SET balance_cents = 1 WHERE id = 2"))
    with pytest.raises(AssertionError):
        run(server, "verify")


def test_the_ledger_is_only_added_to(start):
    server = start()
    conversation(server)
    for change in ("DELETE FROM ledger", "UPDATE ledger SET amount_cents = 1"):
        with pytest.raises(Exception, match="append-only"):
            server.database.write(lambda db, change=change: db.conn.execute(change))


@pytest.mark.on_a_file
def test_a_session_that_has_ended_reads_none_of_the_others(runtime):
    """Of a history each card would read all the open ones again."""
    runtime.settings = replace(runtime.settings, prepaid=True)
    story = Story(runtime)
    story.top_up(10_000)
    for agent in ("anna", "dora", "cora"):
        story.ask(agent)
        story.accept()
    ended = story.id
    story.end()

    def statements(db):
        found = []
        row, time = store.sessions.by_id(db, ended), store.server.time(db)
        db.conn.set_trace_callback(found.append)
        sessions.settled(db, row, time, runtime.settings)
        opened = len(found)
        row = store.sessions.by_id(db, min(story.asked))
        sessions.settled(db, row, time, runtime.settings)
        db.conn.set_trace_callback(None)
        return opened, len(found) - opened

    assert runtime.database.read(statements) == (0, 2)
    story.close()
