"""Receipts with numbers, credits and questions, over HTTP: what is written stays, and is written once."""

import csv
import hashlib
import io
import json
import re
import subprocess
from decimal import Decimal

import pytest

from chat import exports, store
from chat.runtime import Runtime
from chat.settings import Settings
from tests.pages.visitor import Visitor
from tests.server import COMMAND, PATIENCE_SECONDS, ROOT, Server
from tests.story import Story
from tests.threads import together

OPERATOR = {
    "operator_name": "Cabinet Exemple SARL",
    "operator_address": "12 rue des Lilas|75011 Paris",
    "operator_tax_number": "FR12345678901",
    "vat_rate": "20",
}


class House:
    """A server, and who is in it; each test brings a client of its own."""

    def __init__(self, server):
        self.server = server
        self.admin, self.agent, self.other = (
            server.person(role, name)
            for role, name in (("admin", "Ada"), ("agent", "Dr Anaïs Laurent"), ("agent", "Me Girard"))
        )

    def client(self, name="Camille Moreau", cents=0):
        client = self.server.person("client", name)
        if cents:
            entry = {"user_id": client.id, "kind": "top_up", "amount": cents / 100, "reason": "Card"}
            assert self.admin.pay("/api/chat/balance", entry).status == 201
        return client

    def talk(self, client, seconds=61, transfer=False):
        """The id of a session that has ended."""
        for agent in (self.agent, self.other):
            agent.inbox()  # there again, however long the last one took
        id = client.ask(agent_id=self.agent.id)["id"]
        self.agent.do("accept", id)
        self.agent.send(id, "Bonjour")
        if transfer:
            self.server.advance(61)
            self.agent.do("transfer", id, agent_id=self.other.id)
            self.other.send(id, "Bonjour")
        self.server.advance(seconds)
        assert client.do("end", id).status == 200
        return id

    def receipt(self, who, id):
        return who.get(f"/api/chat/sessions/{id}/receipt")

    def credit(self, id, amount, key, reason="Goodwill", who=None):
        content = {"amount": amount, "reason": reason}
        headers = {"Idempotency_Key": key} if key else {}
        return (who or self.admin).post(f"/api/chat/sessions/{id}/receipt/credits", content, **headers)

    def table(self, month="", who=None):
        answer = (who or self.admin).get(f"/api/chat/books.csv{month and f'?month={month}'}")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("books"), **OPERATOR) as running:
        yield House(running)


@pytest.fixture(scope="module")
def prepaid(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("prepaid"), prepaid=1) as running:
        yield House(running)


def test_a_receipt_is_numbered_and_frozen(house):
    client = house.client()
    first, second = house.talk(client), house.talk(client)
    receipts = [house.receipt(client, id).json for id in (first, second)]
    assert receipts[1]["number"] == receipts[0]["number"] + 1
    for write in (
        lambda db: store.users.update(db, client.id, name="Somebody Else"),
        lambda db: store.users.update(db, house.agent.id, name="Another"),
    ):
        house.server.database.write(write)
    again = house.receipt(client, first).json
    for part in (
        *("number", "issued_at", "hash", "client", "agent", "intervals", "charges"),
        *("vat", "operator", "total_cost", "ledger"),
    ):
        assert again[part] == receipts[0][part], part
    assert again["session"]["client"]["name"] == "Camille Moreau"
    house.server.database.write(lambda db: store.users.update(db, house.agent.id, name="Dr Anaïs Laurent"))
    assert (again["operator"]["name"], again["operator"]["address"]) == (
        "Cabinet Exemple SARL",
        "12 rue des Lilas\n75011 Paris",
    )
    assert (again["total_cost"], again["vat"]) == (
        5.0,
        {"rate": "20", "note": "", "net": 4.17, "vat": 0.83},
    )
    assert again["charges"][0]["net_rate"] == "2.0833"


def test_the_hash_is_that_of_the_content_and_names_the_one_before(house):
    id = house.talk(house.client())
    row = house.server.database.read(lambda db: store.books.receipt(db, id))
    told = house.receipt(house.admin, id).json
    assert told["hash"] == hashlib.sha256(row["content"].encode()).hexdigest() == row["hash"]
    before = house.server.database.read(
        lambda db: db.conn.execute(
            "SELECT hash FROM books WHERE sequence = ?", (row["sequence"] - 1,)
        ).fetchone()
    )
    assert json.loads(row["content"])["previous_hash"] == before[0]


def test_what_never_ran_has_no_number(house):
    client = house.client()
    id = client.ask(agent_id=house.agent.id)["id"]
    house.agent.do("accept", id)
    client.do("end", id)
    receipt = house.receipt(client, id).json
    assert (receipt["is_final"], receipt["number"], receipt["total_cost"]) == (True, None, 0)
    asked = client.post(f"/api/chat/sessions/{id}/receipt/remarks", {"remark": "Why?"})
    assert (asked.status, house.credit(id, 1, f"never {id}").status) == (404, 404)


def test_whoever_ends_it_there_is_one_receipt(house, run):
    """The client, both at once, and the sweeper."""
    client = house.client()
    both, swept = house.talk(client), client.ask(agent_id=house.agent.id)["id"]
    with together(house.server) as threads:
        threads.map(lambda number: (client, house.agent)[number % 2].do("end", both), range(10))
    house.agent.do("accept", swept)
    house.agent.send(swept, "Bonjour")
    house.server.advance(300)
    house.server.advance(90_000)
    house.server.wait_until(lambda _: house.receipt(client, swept).json["is_final"])
    for id in (both, swept):
        rows = house.server.database.read(lambda db, id=id: store.books.of_session(db, "receipt", id))
        assert len(rows) == 1
    assert run(house.server, "verify").startswith("All totals and balances are right.\n")


def test_who_handed_it_over_keeps_their_part(house):
    client = house.client()
    id = house.talk(client, transfer=True)
    whole, part, last = (house.receipt(who, id) for who in (client, house.agent, house.other))
    assert (whole.json["total_cost"], whole.json["is_part"]) == (7.5, False)
    assert last.json["total_cost"] == 7.5
    assert (part.status, part.json["is_part"], part.json["total_cost"]) == (200, True, 5.0)
    assert {each["agent"]["id"] for each in part.json["intervals"]} == {house.agent.id}
    assert part.json["number"] == whole.json["number"]
    stranger = house.server.person("agent")
    assert house.receipt(stranger, id).status == 404
    assert house.receipt(house.admin, id).json["charges"] == whole.json["charges"]


def test_a_client_asks_and_is_answered(house):
    client = house.client()
    id = house.talk(client)
    path = f"/api/chat/sessions/{id}/receipt/remarks"
    assert client.post(path, {"remark": "Two minutes?"}).json["remark"]["by"] == "client"
    page = Visitor(house.server, house.admin).open("/admin/books")
    assert "Two minutes?" in page.text
    for who in (house.agent, house.admin):
        assert who.post(path, {"remark": "61 s."}).status == 201
        said = [each["by"] for each in house.receipt(who, id).json["remarks"]]
        assert said[0] == "client"
    assert "Two minutes?" not in Visitor(house.server, house.admin).open("/admin/books").text
    for stranger in (house.server.person("client"), house.server.person("agent")):
        assert stranger.post(path, {"remark": "Hello"}).status == 404
    assert client.post(path, {"remark": " "}).json["field"] == "remark"


def test_credits_are_never_more_than_what_is_left(house, run):
    client = house.client()
    id = house.talk(client, transfer=True)
    first = house.credit(id, 2.50, f"{id} first")
    assert (first.status, first.json["credit"]["amount"]) == (201, 2.5)
    assert first.json["credit"]["is_to_balance"] is False
    assert house.credit(id, 5.01, f"{id} much").json["field"] == "amount"
    second = house.credit(id, 5.00, f"{id} second")
    assert second.json["credit"]["number"] == first.json["credit"]["number"] + 1
    assert house.credit(id, 0.01, f"{id} more").status == 400
    receipt = house.receipt(client, id).json
    assert (receipt["credited"], receipt["remaining"]) == (7.5, 0)
    given = [each["vat"] for each in receipt["credits"]]
    assert round(sum(each["net"] for each in given), 2) == receipt["vat"]["net"]
    assert round(sum(each["vat"] for each in given), 2) == receipt["vat"]["vat"]
    for who in (client, house.agent):
        assert house.credit(id, 1, f"{id} mine", who=who).json["code"] == "forbidden"
    run(house.server, "verify")


def test_fifty_equal_credits_with_one_key_are_one(prepaid, run):
    client = prepaid.client(cents=1000)
    id = prepaid.talk(client)
    with together(prepaid.server) as threads:
        answers = threads.map(lambda _: prepaid.credit(id, 2.50, f"{id} once"), range(50))
    assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
    assert len({answer.json["credit"]["number"] for answer in answers}) == 1
    assert prepaid.credit(id, 2.49, f"{id} once").json["code"] == "idempotency_mismatch"
    assert prepaid.credit(id, 2.50, f"{id} once", "Other").json["code"] == "idempotency_mismatch"
    assert prepaid.credit(id, 2.50, "").json["field"] == "Idempotency-Key"
    balance = client.get("/api/chat/balance").json
    assert (balance["balance"], balance["ledger"][0]["kind"]) == (7.5, "credit")
    receipt = prepaid.receipt(client, id).json
    assert round(sum(entry["amount"] for entry in receipt["ledger"]), 2) == -2.5
    run(prepaid.server, "verify")


def test_a_credit_is_taken_from_what_was_earned(house):
    admin = Visitor(house.server, house.admin)
    id = house.talk(house.client(), transfer=True)
    before = [Visitor(house.server, who).open("/earnings").text for who in (house.agent, house.other)]
    assert house.credit(id, 7.50, f"{id} all").status == 201
    after = [Visitor(house.server, who).open("/earnings").text for who in (house.agent, house.other)]

    def total(text):
        return float(text.split("In this period €")[1].split()[0].replace(",", ""))

    assert [total(old) - total(new) for old, new in zip(before, after, strict=True)] == [5.0, 2.5]
    assert admin.open("/admin/statistics").status == 200


def test_the_books_as_a_table_add_up(house, run):
    client = house.client("=1+1")
    id = house.talk(client, seconds=62)
    house.credit(id, 2.50, f"{id} table", "@SUM(A1)")
    rows = house.table()
    mine = [row for row in rows if row["session"] == str(id)]
    assert [row["kind"] for row in mine] == ["receipt", "credit"]
    assert [row["total"] for row in mine] == ["5.00", "-2.50"]
    assert (mine[0]["client"], mine[1]["text"]) == ("'=1+1", "'@SUM(A1)")
    assert mine[0]["charges"] == "5.00 (2 x 60 s at 2.50 a minute)"
    for row in rows:
        if row["kind"] in ("receipt", "credit"):
            assert round(float(row["net"]) + float(row["vat"]), 2) == float(row["total"])
    month = rows[-1]["issued_at"][:7]
    assert [row for row in rows if row["issued_at"].startswith(month)] == house.table(month)
    assert house.table("2001-01") == []
    printed = run(house.server, "books", "--month", month)
    assert list(csv.DictReader(io.StringIO(printed))) == house.table(month)
    assert house.admin.get("/api/chat/books.csv?month=2026-13").json["field"] == "month"
    for who in (client, house.agent):
        assert who.get("/api/chat/books.csv").json["code"] == "forbidden"
    page = Visitor(house.server, house.admin).open("/admin/books")
    assert page.link(rf"/api/chat/books\.csv\?month={month}")


def test_a_credit_and_a_question_by_forms(house):
    client = house.client()
    id = house.talk(client)
    here = f"/sessions/{id}/receipt"
    page = Visitor(house.server, client).fill(here, f"{here}/remarks", remark="Why two?")
    assert "Why two?" in page.text
    admin = Visitor(house.server, house.admin)
    sent = admin.open(here).form(f"{here}/credits")
    assert sent["amount"] == "5.00"
    for _ in range(3):
        answer = admin.post(f"{here}/credits", {**sent, "amount": "2.50", "reason": "An error of ours"})
        assert answer.status == 303
    for who in (client, house.agent, house.admin):
        text = Visitor(house.server, who).open(here).text
        assert "An error of ours" in text and "What remains €2.50" in text
    assert Visitor(house.server, client).post(f"{here}/credits", {**sent, "reason": "Mine"}).status == 403


def test_the_same_sums_wherever_a_receipt_is_shown(house):
    client = house.client()
    id = client.ask(agent_id=house.agent.id)["id"]
    house.agent.do("accept", id)
    house.agent.send(id, "Bonjour")
    house.server.advance(61)
    client.do("end", id)
    receipt = house.receipt(client, id).json
    shown = f"{receipt['active_milliseconds'] / 1000:,.3f}\N{NO-BREAK SPACE}s"
    assert receipt["active_milliseconds"] == sum(
        each["milliseconds"] for each in receipt["intervals"] if each["is_billed"]
    )
    for who in (client, house.agent, house.admin):
        page = Visitor(house.server, who).request("GET", f"/sessions/{id}/receipt")
        for words in (shown, "€5.00", "€0.83", "Cabinet Exemple SARL", f"Receipt {receipt['number']}"):
            assert words in page.body.decode(), words
        text = Visitor(house.server, who).request("GET", f"/sessions/{id}/transcript.txt").body.decode()
        for words in (shown, "€5.00", f"Receipt {receipt['number']}"):
            assert words in text, words
        found = json.loads(Visitor(house.server, who).request("GET", f"/sessions/{id}/transcript.json").body)
        assert found["receipt"]["charges"] == receipt["charges"]


def test_the_example_of_the_documentation_is_what_happens(tmp_path):
    example = (ROOT / "docs" / "billing.md").read_text().partition("## A receipt by hand")[2]
    runtime = Runtime(Settings(database_url=f"sqlite:///{tmp_path}/chat.db", vat_rate="20"))
    runtime.prepare()
    story = Story(runtime)
    try:
        story.ask("anna")
        story.accept()
        story.say("agent")
        for second, step, word in (
            *((20.9, story.pause, "client"), (30, story.resume, "client"), (50.9, story.pause, "client")),
            *((60, story.resume, "client"), (80.9, story.transfer, "ben"), (100, story.say, "agent")),
        ):
            story.at(second)
            step(word)
        story.at(160)
        story.end()
        receipt, at_ms = story.receipt(), 0
        for each in receipt["intervals"]:
            length = f"{each['milliseconds'] / 1000:.3f} s"
            cells = [f"{at_ms / 1000:.3f} s", each["reason"], each["agent"]["name"], length]
            row = f"| {' | '.join(cells)} | {f'{length} ' if each['is_billed'] else ''}|"
            assert row in example, row
            at_ms += each["milliseconds"]
        by_hand = re.findall(r"\| ([0-9.]+) s \|$", example, re.MULTILINE)
        assert sum(map(Decimal, by_hand)) * 1000 == receipt["active_milliseconds"] == 122_700
        assert [(each["count"], str(each["rate_per_minute"])) for each in receipt["charges"]] == [
            (2, "2.50"),
            (1, "1.00"),
        ]
        (row,) = csv.DictReader(io.StringIO(exports.table(runtime, None, None)))
        for name in ("active_seconds", "charges", "net", "vat_rate", "vat", "total"):
            assert f"`{name}` {row[name]}" in example.replace("\n", " "), name
    finally:
        story.close()
        runtime.close()


def test_a_head_of_the_past_is_asked_for(house, run):
    house.talk(house.client())
    head = run(house.server, "verify").split()[-1]
    house.talk(house.client())
    assert "All totals" in run(house.server, "verify", "--since", head)
    done = subprocess.run(
        [*COMMAND, "verify", "--since", "0" * 64],
        cwd=ROOT,
        env=house.server.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1
    assert "0" * 64 in done.stdout


def test_what_was_there_before_the_books_comes_into_them(tmp_path, prepaid):
    """As at an update: the sessions that ended before have receipts, in the order of their ends."""
    client = prepaid.client(cents=5000)
    first, second = prepaid.talk(client), prepaid.talk(client)
    database = prepaid.server.database
    old = database.read(lambda db: [store.books.receipt(db, id)["hash"] for id in (first, second)])

    def forget(db):
        for verb in ("UPDATE", "DELETE"):
            db.conn.execute(f"DROP TRIGGER books_no_{verb}")
        db.conn.execute("DELETE FROM books")

    database.write(forget)
    prepaid.server.runtime.prepare()
    new = database.read(lambda db: [store.books.receipt(db, id) for id in (first, second)])
    assert new[0]["number"] < new[1]["number"]
    assert [row["hash"] for row in new] != old
    assert new[0]["issued_at"] <= new[1]["issued_at"]
