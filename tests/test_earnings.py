"""What agents earn of what clients pay, what they were paid, and what is owed."""

import csv
import io
from dataclasses import replace
from datetime import datetime

import pytest

from chat import credits, earnings, people, statistics
from chat.accounts import User
from chat.errors import Forbidden, IdempotencyMismatch, InvalidParameter, NotFound
from chat.shares import part
from tests.pages.visitor import Visitor
from tests.story import Story
from tests.threads import together


@pytest.fixture
def story(runtime):
    told = Story(runtime)
    yield told
    told.close()


def talk(story, agent, seconds):
    """A session of so many seconds."""
    story.ask(agent)
    story.accept()
    story.say("agent")
    story.later(seconds)
    story.end()


def admin(story):
    """One of the story's people acts as one."""
    return User(story.people["other"].id, "admin", "Root", b"")


def share_of(story, agent, percent):
    people.change(story.runtime, admin(story), story.people[agent].id, agent, "", None, percent)


def statement(story, agent):
    return earnings.statement(story.runtime, story.people[agent], story.people[agent].id)


def totals(story, agent):
    """(gross, share, paid out, balance) of each month of the first account."""
    months = statement(story, agent)["accounts"][0]["months"]
    return [tuple(month[name] for name in ("gross", "share", "paid_out", "balance")) for month in months]


def pay(story, agent, cents, kind="payout", key=None, reason="Transfer"):
    agent_id = story.people[agent].id
    return earnings.pay_out(story.runtime, admin(story), agent_id, kind, cents, reason, key)


def test_an_agent_earns_their_share_and_is_owed_what_was_not_paid(story):
    share_of(story, "anna", 60)
    talk(story, "anna", 100)
    talk(story, "anna", 10)
    assert totals(story, "anna") == [(750, 450, 0, 450)]
    pay(story, "anna", 400)
    pay(story, "anna", 100, "taken_back")
    assert totals(story, "anna") == [(750, 450, 300, 150)]
    found = statement(story, "anna")
    assert found["share_percent"] == 60
    assert [(each["kind"], each["amount"]) for each in found["payouts"]] == [
        ("taken_back", -100),
        ("payout", 400),
    ]
    shown = statistics.earnings(story.runtime, story.people["anna"], 7)
    assert (shown["revenue"], shown["total"], shown["all_time"]) == (750, 450, 450)
    # Nobody else has any of it.
    assert totals(story, "ben") == []


def test_what_is_given_back_takes_the_agents_share_with_it(story):
    share_of(story, "anna", 33)
    talk(story, "anna", 60)
    for cents in (1, 124, 125):
        credits.credit(story.runtime, admin(story), story.id, cents, "Goodwill", f"{cents}")
    (month,) = statement(story, "anna")["accounts"][0]["months"]
    names = ("gross", "share", "credits", "paid_out", "balance")
    assert [month[name] for name in names] == [250, 83, 83, 0, 0]
    shown = statistics.earnings(story.runtime, story.people["anna"], 7)
    assert (shown["revenue"], shown["total"], shown["all_time"]) == (0, 0, 0)


def test_without_one_of_their_own_it_is_the_settings(runtime):
    object.__setattr__(runtime.settings, "agent_share", 70)
    story = Story(runtime)
    talk(story, "anna", 60)
    assert totals(story, "anna") == [(250, 175, 0, 175)]
    assert statement(story, "anna")["share_percent"] == 70
    story.close()


def test_the_share_is_the_one_that_the_clock_started_with(story):
    share_of(story, "anna", 50)
    story.ask("anna")
    story.accept()
    story.say("agent")
    story.later(30)
    share_of(story, "anna", 10)
    story.pause("client")
    story.later(5)
    story.resume("client")
    story.later(60)
    story.end()
    assert totals(story, "anna") == [(500, 250, 0, 250)]
    talk(story, "anna", 60)
    assert totals(story, "anna") == [(750, 275, 0, 275)]


def test_what_is_charged_up_to_the_minimum_is_whose_the_first_paid_increment_is(story):
    story.runtime.settings = replace(story.runtime.settings, minimum_charge=500)
    story.ask("anna")
    story.accept()
    story.say("agent")
    story.later(60)
    story.transfer("ben")
    story.say("agent")
    story.later(30)
    story.end()
    charges = [(each["agent"]["name"], each["amount"]) for each in story.receipt()["charges"]]
    assert charges == [("anna", 250), ("ben", 100), ("anna", 150)]


def test_after_a_transfer_each_has_the_share_of_their_own_minutes(story):
    share_of(story, "anna", 50)
    share_of(story, "ben", 33)
    story.ask("anna")
    story.accept()
    story.say("agent")
    story.later(30)
    share_of(story, "anna", 10)
    story.pause("client")
    story.resume("client")
    story.later(31)
    story.transfer("ben")
    story.say("agent")
    story.later(90)
    story.end()
    # Two minutes at 2.50, then one at 1.00: 33 % of it.
    assert (totals(story, "anna"), totals(story, "ben")) == ([(500, 250, 0, 250)], [(100, 33, 0, 33)])


@pytest.mark.parametrize(
    ("cents", "percent", "share"),
    [(250, 33, 83), (150, 33, 50), (1, 50, 1), (1, 49, 0), (0, 100, 0), (999, 0, 0), (250, 100, 250)],
)
def test_it_is_rounded_half_up_once_a_session(cents, percent, share):
    assert part(cents, percent) == share


def test_months_are_those_of_the_zone_and_go_on_from_one_to_the_next(runtime):
    object.__setattr__(runtime.settings, "time_zone", "Europe/Paris")
    story = Story(runtime)
    start = runtime.database.read(lambda db: db.conn.execute("SELECT heartbeat_at FROM server").fetchone()[0])
    for instant in ("2027-01-31 22:30+00:00", "2027-01-31 23:30+00:00", "2027-03-31 12:00+00:00"):
        story.at(datetime.fromisoformat(instant).timestamp() - start / 1000)
        talk(story, "anna", 60)
    pay(story, "anna", 200)
    months = statement(story, "anna")["accounts"][0]["months"]
    assert [(month["month"], month["sessions"], month["balance"]) for month in months] == [
        ("2027-01", 1, 250),
        ("2027-02", 1, 500),
        ("2027-03", 1, 550),
    ]
    story.close()


def test_the_statement_is_a_table(story):
    talk(story, "anna", 100)
    pay(story, "anna", 300)
    (row,) = csv.DictReader(io.StringIO(earnings.as_csv(statement(story, "anna"))))
    assert (row["currency"], row["sessions"], row["minutes"]) == ("EUR", "1", "2")
    assert [row[name] for name in ("gross", "share", "paid_out", "balance")] == [
        "5.00",
        "5.00",
        "3.00",
        "2.00",
    ]


def test_what_cannot_be_paid_out_is_told(story):
    anna, client = story.people["anna"], story.people["client"]
    for cents in (0, 100_000_001):
        with pytest.raises(InvalidParameter, match="amount must be from"):
            pay(story, "anna", cents)
    with pytest.raises(InvalidParameter, match="reason"):
        pay(story, "anna", 5, reason=" ")
    with pytest.raises(NotFound):
        pay(story, "client", 5)
    for who in (anna, client):
        with pytest.raises(Forbidden):
            earnings.pay_out(story.runtime, who, anna.id, "payout", 5, "x")
    for who in (client, story.people["ben"]):
        with pytest.raises(NotFound):
            earnings.statement(story.runtime, who, anna.id)
    with pytest.raises(NotFound):
        earnings.statement(story.runtime, admin(story), client.id)


def test_a_payout_with_a_key_is_recorded_once(story):
    first, again = pay(story, "anna", 400, key="k"), pay(story, "anna", 400, key="k")
    assert (again[0], first[1], again[1]) == (first[0], False, True)
    for other in ({"cents": 401}, {"cents": 400, "kind": "taken_back"}, {"cents": 400, "reason": "Cash"}):
        with pytest.raises(IdempotencyMismatch):
            pay(story, "anna", **other, key="k")
    with pytest.raises(IdempotencyMismatch):
        pay(story, "ben", 400, key="k")
    assert totals(story, "anna") == [(0, 0, 400, -400)]


def test_payouts_are_only_added_to(story):
    pay(story, "anna", 400)
    for change in ("DELETE FROM payouts", "UPDATE payouts SET amount_cents = 1"):
        with pytest.raises(Exception, match="append-only"):
            story.runtime.database.write(lambda db, change=change: db.conn.execute(change))


def test_over_the_api_fifty_equal_payouts_are_one_and_nobody_sees_anothers(server):
    admin, client = server.person("admin"), server.person("client")
    agent, other = server.person("agent"), server.person("agent")
    asked = {"agent_id": agent.id, "amount": 1.5, "reason": "Transfer"}
    with together(server) as threads:
        answers = threads.map(
            lambda _: admin.post("/api/chat/payouts", asked, Idempotency_Key="december"), range(50)
        )
    assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
    assert len({answer.json["payout"]["id"] for answer in answers}) == 1
    changed = admin.post("/api/chat/payouts", {**asked, "amount": 2}, Idempotency_Key="december")
    assert (changed.status, changed.json["code"]) == (409, "idempotency_mismatch")
    own = agent.get("/api/chat/earnings").json
    assert own == admin.get(f"/api/chat/earnings?agentId={agent.id}").json
    assert (own["accounts"][0]["balance"], [each["amount"] for each in own["payouts"]]) == (-1.5, [1.5])
    for who, code in ((agent, "forbidden"), (client, "forbidden")):
        assert who.pay("/api/chat/payouts", asked).json["code"] == code
    for who in (other, client):
        assert who.get(f"/api/chat/earnings?agentId={agent.id}").json["code"] == "not_found"
    assert client.get("/api/chat/earnings").status == 404
    assert admin.pay("/api/chat/payouts", {**asked, "agent_id": client.id}).status == 404
    table = agent.get("/api/chat/earnings?format=csv")
    assert table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert table.body.startswith(
        b"currency,month,sessions,minutes,gross,share,credits,paid_out,balance\r\nEUR,"
    )


def test_on_the_pages_an_administrator_pays_and_the_agent_sees_it(site, run):
    admin, agent, client = (site.person(role) for role in ("admin", "agent", "client"))
    root, desk, page = Visitor(site, admin), Visitor(site, agent), f"/admin/people/{agent.id}"
    root.fill(page, page, share="60")
    assert root.open(page).form(page)["share"] == "60"
    assert root.fill(page, page, share="101").status == 400
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    agent.send(asked, "Bonjour")
    site.wait_until(lambda _: client.show(asked)["duration_seconds"] >= 1)
    client.do("end", asked)
    shown = root.open(f"{page}/earnings")
    assert "Owed €1.50" in shown.text
    form = shown.form(f"{page}/payouts")
    for _ in range(2):
        answer = root.post(f"{page}/payouts", {**form, "kind": "payout", "amount": "1,00", "reason": "Cash"})
        assert answer.status == 303
    assert "Owed €0.50" in root.open(f"{page}/earnings").text
    assert root.post(f"{page}/payouts", {**form, "kind": "payout", "amount": "1,000"}).status == 400
    assert "€0.50 are owed to you" in desk.open("/earnings").text
    assert desk.open("/earnings").text.count("Cash") == 1
    assert ",2.50,1.50,0.00,1.00,0.50" in desk.open("/earnings.csv").body.decode()
    assert root.open(f"{page}/earnings.csv").body == desk.open("/earnings.csv").body
    for path in (f"{page}/earnings", f"{page}/earnings.csv"):
        assert desk.open(path).status == 403
    assert root.open(f"/admin/people/{client.id}/earnings").status == 404


def test_by_command_too(start, run):
    server = start()
    agent = server.person("agent")
    email = "agent1@example.org"
    assert run(server, "users", "set-share", email, 40) == f"{email}: 40 %\n"
    paid = run(server, "pay-out", email, "5.00", "--reason", "Cash", "--key", "k")
    assert paid == f"{email}: -5.00 EUR are owed\n"
    assert run(server, "pay-out", email, "5.00", "--reason", "Cash", "--key", "k") == paid
    run(server, "pay-out", email, "1.50", "--reason", "Too much", "--take-back")
    assert run(server, "statement", email).endswith(",0,0,0.00,0.00,0.00,3.50,-3.50\n")
    assert agent.get("/api/chat/earnings").json["share_percent"] == 40
