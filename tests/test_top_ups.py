"""Money by hand: what was done with a key is not done again, and whoever waits for money hears of it."""

import pytest

from tests.pages.visitor import Visitor
from tests.threads import together

CARD = {"kind": "top_up", "amount": 20, "reason": "Card"}


def change(admin, key, **content):
    return admin.post("/api/chat/balance", content, Idempotency_Key=key)


def test_fifty_equal_top_ups_with_one_key_are_one(site):
    admin, client = site.person("admin"), site.person("client")
    with together(site) as threads:
        answers = threads.map(lambda _: change(admin, "bank 4711", user_id=client.id, **CARD), range(50))
    assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
    assert {answer.json["balance"] for answer in answers} == {20}
    assert all(("duplicate" in answer.json) == (answer.status == 200) for answer in answers)
    told = client.get("/api/chat/balance").json
    assert (told["balance"], len(told["ledger"])) == (20, 1)


def test_a_key_gives_the_first_answer_and_is_whoever_acts_own(site):
    admin, other, client = site.person("admin"), site.person("admin"), site.person("client")
    first = {"user_id": client.id, **CARD}
    assert change(admin, "1", **first).status == 201
    assert change(other, "1", **first).json["balance"] == 40
    again = change(admin, "1", **first)
    assert (again.status, again.json) == (200, {"success": True, "balance": 20, "duplicate": True})
    for differs in ({"amount": 20.01}, {"kind": "refund"}, {"reason": "Cash"}, {"user_id": other.id}):
        answer = change(admin, "1", **{**first, **differs})
        assert (answer.status, answer.json["code"]) == (409, "idempotency_mismatch"), differs
    assert admin.pay("/api/chat/balance", first).status == 201
    for wrong in ("", "x" * 65, "é"):
        answer = change(admin, wrong.encode(), **first)
        assert (answer.status, answer.json["code"]) == (400, "invalid_parameter"), wrong
    assert client.get("/api/chat/balance").json["balance"] == 60


@pytest.mark.parametrize(
    ("role", "path", "content"),
    [
        ("admin", "balance", {"user_id": 1, **CARD}),
        ("admin", "payouts", {"agent_id": 1, "amount": 1, "reason": "Cash"}),
        ("admin", "sessions/1/receipt/credits", {"amount": 1, "reason": "Goodwill"}),
        ("client", "payments", {"amount": 20}),
        ("admin", "payments/1/refund", {"amount": 20}),
    ],
)
def test_no_money_moves_without_a_key(site, role, path, content):
    answer = site.person(role).post(f"/api/chat/{path}", content)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")
    assert (answer.json["detail"], answer.json["field"]) == (
        "The header Idempotency-Key is missing.",
        "Idempotency-Key",
    )


def test_what_was_refused_is_not_kept_for_the_key(site):
    admin, client = site.person("admin"), site.person("client")
    back = {"user_id": client.id, "kind": "refund", "amount": 5, "reason": "Goodwill"}
    assert change(admin, "back", **back).json["code"] == "insufficient_balance"
    assert change(admin, "card", user_id=client.id, **CARD).status == 201
    assert change(admin, "back", **back).json["balance"] == 15


def test_a_command_with_a_key_is_done_once(start, run):
    server = start()
    client = server.person("client")
    top_up = ("top-up", "client1@example.org", "20.00", "--reason", "Cash", "--key", "cash 1")
    assert run(server, *top_up) == run(server, *top_up) == "client1@example.org: 20.00 EUR\n"
    assert len(client.get("/api/chat/balance").json["ledger"]) == 1
    with pytest.raises(AssertionError, match="used before"):
        run(server, "refund", "client1@example.org", "5.00", "--reason", "Goodwill", "--key", "cash 1")


def test_a_form_that_is_sent_twice_is_done_once(site):
    client, admin = site.person("client"), site.person("admin")
    # Where nobody pays in advance, whoever has a balance has the form.
    assert change(admin, "before", user_id=client.id, **CARD).status == 201
    visitor, path = Visitor(site, admin), f"/admin/people/{client.id}"
    form = visitor.open(path).form(f"{path}/balance")
    filled = {**form, "kind": "top_up", "amount": "20", "reason": "Card"}
    for _ in range(2):
        assert visitor.post(f"{path}/balance", filled).status == 303
    changed = visitor.post(f"{path}/balance", filled, amount="30")
    assert (changed.status, "This form was sent before" in changed.text) == (409, True)
    fresh = changed.form(f"{path}/balance")["key"]
    assert fresh != filled["key"]
    assert visitor.post(f"{path}/balance", filled, amount="30", key=fresh).status == 303
    assert client.get("/api/chat/balance").json["balance"] == 70


def test_a_top_up_wakes_both_and_warns_again(start):
    server = start(prepaid=1)
    admin, client, agent = (server.person(role) for role in ("admin", "client", "agent"))
    assert change(admin, "1", user_id=client.id, **{**CARD, "amount": 5}).status == 201
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    agent.send(asked, "Bonjour")
    server.advance(65)
    polls = [who.await_session(asked, lambda now: now["seconds_left"] > 400) for who in (client, agent)]
    server.wait_until_held(2)
    assert change(admin, "2", user_id=client.id, **CARD).status == 201
    for poll in polls:
        assert poll.result()["seconds_left"] <= 535
    for seconds in (220, 220):
        server.advance(seconds)
        client.send(asked, "Toujours là")
    client.await_session(asked, lambda now: now["seconds_left"] <= 120).result()
    # When it was used up, and there is more, it goes on: but not by itself.
    server.advance(200)
    server.wait_until(lambda _: client.show(asked)["pause_reason"] == "balance")
    assert client.do("resume", asked).json["code"] == "insufficient_balance"
    assert change(admin, "3", user_id=client.id, **CARD).status == 201
    assert client.show(asked)["status"] == "paused"
    assert client.do("resume", asked).json["session"]["status"] == "active"


def test_an_entry_by_another_hand_is_not_blessed_by_the_next_one(start, run):
    server = start()
    admin, client = server.person("admin"), server.person("client")
    change(admin, "1", user_id=client.id, **CARD)
    for statement in (
        "INSERT INTO ledger (user_id, kind, amount_cents, currency, reason, created_at)"
        f" VALUES ({client.id}, 'top_up', 500, 'EUR', 'Card', 1)",
        f"UPDATE users SET balance_cents = balance_cents + 500 WHERE id = {client.id}",
    ):
        server.database.write(lambda db, statement=statement: db.conn.execute(statement).close())
    change(admin, "2", user_id=client.id, **CARD)
    with pytest.raises(AssertionError, match="ledger"):
        run(server, "verify")
