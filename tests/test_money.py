"""Amounts are whole minor units of a currency, however many decimals that has: 2, none, or 3."""

import subprocess
from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from app import create_app
from chat import balances, currency, money, store, transitions
from chat.accounts import User
from chat.database import migrations
from chat.database.sqlite.connection import connect
from chat.documents import encode
from chat.errors import InvalidParameter, WrongStatus
from chat.money import Cents
from chat.runtime import Runtime
from chat.settings import SettingError, Settings
from chat.web.typed import Amount, typed
from tests.pages.visitor import Visitor
from tests.server import COMMAND, PATIENCE_SECONDS, ROOT, Server

AMOUNT = TypeAdapter(Amount)


@pytest.fixture
def writing(tmp_path):
    """Within a page of a language, of a server with a currency."""
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/chat.db"))

    def write(currency, language, call):
        money.use(currency)
        with app.test_request_context("/", headers={"Accept-Language": language}):
            try:
                return call()
            except ValidationError:
                return None

    yield write
    app.extensions["chat"].close()


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1250, "EUR", "12.50"),
        (-5, "EUR", "-0.05"),
        (0, "EUR", "0.00"),
        (1250, "JPY", "1250"),
        (0, "JPY", "0"),
        (1250, "KWD", "1.250"),
        (-7, "KWD", "-0.007"),
        (100_000_000, "KWD", "100000.000"),
    ],
)
def test_on_the_wire_it_is_a_number_with_the_currencys_decimals(amount, currency, text):
    assert encode({"amount": Cents(amount, currency)}) == f'{{"amount":{text}}}'.encode()
    money.use(currency)
    assert str(Cents(amount)) == text
    # One of another time keeps its own.
    money.use("EUR")
    assert str(Cents(amount, currency)) == text
    if amount >= 0:
        money.use(currency)
        assert money.minor_units(Decimal(text)) == amount


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("EUR", "0.001"), ("JPY", "2.5"), ("KWD", "0.0001"), ("EUR", "1000000.01"), ("JPY", "100000001")],
)
def test_what_the_currency_cannot_express_is_none(currency, amount):
    money.use(currency)
    with pytest.raises(ValueError, match=f"an amount of {currency} from 0 to"):
        money.minor_units(Decimal(amount))


TYPED = [
    ("EUR", "12,50", 1250, 1250),
    ("EUR", "12.50", 1250, 1250),
    ("EUR", " 2,5 ", 250, 250),
    ("EUR", "12", 1200, 1200),
    ("EUR", "12,000", None, None),
    ("EUR", "12.000", None, None),
    ("EUR", "1,200.50", 120_050, None),
    ("EUR", "1.200,50", None, None),
    ("EUR", "1,200,000", None, None),
    ("EUR", "1 200,50", 120_050, 120_050),
    ("EUR", "1\u202f200,50", 120_050, 120_050),
    ("EUR", "1\u00a0200", 120_000, 120_000),
    ("EUR", "12 50", None, None),
    ("EUR", "1 2000", None, None),
    ("EUR", "12,", None, None),
    ("EUR", ",50", None, None),
    ("EUR", "-1", None, None),
    ("EUR", "1e3", None, None),
    ("EUR", "٣", None, None),
    ("EUR", "1000000.01", None, None),
    ("JPY", "1250", 1250, 1250),
    ("JPY", "12,000", 12_000, None),
    ("JPY", "12.000", None, None),
    ("JPY", "12 000", 12_000, 12_000),
    ("JPY", "1,200,000", 1_200_000, None),
    ("JPY", "2.50", None, None),
    ("JPY", "2,50", None, None),
    ("JPY", "2.0", None, None),
    ("KWD", "1.255", 1255, None),
    ("KWD", "1,255", None, 1255),
    ("KWD", "1,25", 1250, 1250),
    ("KWD", "12.5", 12_500, 12_500),
    ("KWD", "1,200.500", 1_200_500, None),
    ("KWD", "1.2555", None, None),
]


@pytest.mark.parametrize(("currency", "text", "english", "french"), TYPED)
def test_what_people_type_is_read_as_meant_or_refused(writing, currency, text, english, french):
    read = [writing(currency, language, lambda: AMOUNT.validate_python(text)) for language in ("en", "fr")]
    assert read == [english, french]


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_what_stands_in_a_form_is_read_as_the_same(writing, currency, language):
    for amount in (0, 1, 99, 250, 1000, 12_000, 1_234_567, money.LARGEST):
        same = writing(currency, language, lambda amount=amount: AMOUNT.validate_python(typed(amount)))
        assert same == amount


@pytest.fixture(scope="module", params=["JPY", "KWD"])
def shop(request, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("shop"), currency=request.param, workers=1) as running:
        yield running


# 1250 minor units: on the wire, on the pages, and one that cannot be.
SHOWN = {
    "JPY": ("1250", "¥1,250", "1\u202f250\xa0JPY", "2.5"),
    "KWD": ("1.250", "KWD\xa01.250", "1,250\xa0KWD", "1.2505"),
}


def currency_of(server):
    return server.environment["CHAT_CURRENCY"]


def test_a_conversation_is_in_it_from_the_request_to_the_receipt(shop, run, visit):
    currency = currency_of(shop)
    wire, english, french, _ = SHOWN[currency]
    admin, client, agent = shop.person("admin"), shop.person("client"), shop.person("agent", rate_cents=1250)
    card = next(each for each in client.get("/api/chat/agents").json["agents"] if each["id"] == agent.id)
    assert (card["rate_per_minute"], card["currency"]) == (float(wire), currency)
    asked = client.ask(agent_id=agent.id, spending_limit=float(wire) * 2)
    assert (asked["status"], asked["currency"]) == ("waiting", currency)
    assert (asked["rate_per_minute"], asked["spending_limit"]) == (float(wire), float(wire) * 2)
    agent.do("accept", asked["id"])
    agent.send(asked["id"], "Bonjour")
    shop.advance(59)
    agent.do("end", asked["id"])
    answer = client.get(f"/api/chat/sessions/{asked['id']}/receipt")
    assert f'"total_cost":{wire},'.encode() in answer.body
    assert answer.json["currency"] == currency
    assert " ".join(english.split()) in Visitor(shop, client).open(f"/sessions/{asked['id']}/receipt").text
    french_page = Visitor(shop, client).open(f"/sessions/{asked['id']}/receipt", Accept_Language="fr")
    assert " ".join(french.split()) in french_page.text
    # As the scripts write it.
    visitor = visit(shop, client)
    visitor.open(f"/sessions/{asked['id']}")
    visitor.page.locator("[data-meter-cost]", has_text=english.replace("\xa0", " ")).first.wait_for()
    entry = {"user_id": client.id, "kind": "top_up", "amount": float(wire), "reason": "Card"}
    assert admin.pay("/api/chat/balance", entry).status == 201
    (row,) = client.get("/api/chat/balance").json["ledger"]
    assert (row["amount"], row["currency"]) == (float(wire), currency)
    assert run(shop, "verify")


def test_what_it_cannot_express_is_refused_with_what_can_be(shop):
    currency = currency_of(shop)
    *_, odd = SHOWN[currency]
    admin, client, agent = (shop.person(role) for role in ("admin", "client", "agent"))
    wrong = agent.post("/api/chat/agents/me", {"rate_per_minute": float(odd)})
    assert (wrong.status, wrong.json["field"]) == (400, "rate_per_minute")
    assert f"an amount of {currency} from 0 to" in wrong.json["detail"]
    wrong = client.post("/api/chat/sessions", {"agent_id": agent.id, "spending_limit": float(odd)})
    assert (wrong.status, wrong.json["field"]) == (400, "spending_limit")
    page = Visitor(shop, agent).post("/profile", name="Anaïs", rate=odd)
    assert page.status == 400
    assert f"Enter an amount in {currency}, like {SHOWN[currency][0]}." in page.text
    page = Visitor(shop, admin).post(
        f"/admin/people/{client.id}/balance", kind="top_up", amount=odd, reason="Card"
    )
    assert page.status == 400
    described = client.get("/api/openapi.json").json["paths"]["/api/chat/balance"]["post"]["requestBody"]
    amount = described["content"]["application/json"]["schema"]["properties"]["amount"]
    assert amount["multipleOf"] == amount["minimum"] == {"JPY": 1, "KWD": 0.001}[currency]


def flask(server, *words):
    return subprocess.run(
        [*COMMAND, *words],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


@pytest.fixture
def past(tmp_path):
    """A database in euros, and in it a session that cost 2.50 and has ended."""
    server = Server(tmp_path)
    talk = server.conversation()
    server.advance(59)
    people = server.database.read(lambda db: store.sessions.by_id(db, talk.id))
    transitions.end(server.runtime, User(people["client_id"], "client", "", b""), talk.id)
    yield server, talk
    if hasattr(server, "process"):
        server.abort()
        server.process.wait()
    server.close()


def test_a_start_in_another_currency_is_refused_until_it_is_changed(past, run):
    server, talk = past
    server.environment["CHAT_CURRENCY"] = "JPY"
    refused = flask(server, "users", "set-rate", talk.emails["agent"], "2.50")
    assert (refused.returncode, "Traceback" in refused.stderr) == (3, False)
    assert "start with CHAT_CURRENCY=EUR" in refused.stderr
    server.start()
    assert server.process.wait(PATIENCE_SECONDS) == 3
    assert "CHAT_CURRENCY is JPY, and all amounts in this database are in EUR" in server.log
    assert "`tete-a-tete currency JPY`" in server.log
    assert "Traceback" not in server.log
    assert run(server, "currency", "JPY").endswith("JPY\n")
    refused = flask(server, "users", "set-rate", talk.emails["agent"], "2.50")
    assert "'2.50' must be an amount of JPY from 0 to 100000000, with no decimals" in refused.stderr
    server.start()
    old = talk.client.get(f"/api/chat/sessions/{talk.id}").body
    assert b'"total_cost":2.50,' in old
    assert b'"currency":"EUR"' in old
    assert "€2.50" in Visitor(server, talk.client).open(f"/sessions/{talk.id}").text
    # Some of it is given back in its own currency, by hand.
    admin, path = server.person("admin"), f"/sessions/{talk.id}/receipt/credits"
    for amount, code in ((1.255, "invalid_parameter"), (2.51, "invalid_parameter"), (0, "invalid_parameter")):
        refused = admin.pay(f"/api/chat{path}", {"amount": amount, "reason": "Goodwill"})
        assert (refused.status, refused.json["code"]) == (400, code)
    note = admin.pay(f"/api/chat{path}", {"amount": 1.25, "reason": "Goodwill"})
    assert (note.status, note.json["credit"]["amount"], note.json["credit"]["is_to_balance"]) == (
        201,
        1.25,
        False,
    )
    visitor = Visitor(server, admin)
    form = visitor.open(f"/sessions/{talk.id}/receipt").form(path)
    assert form["amount"] == "1.25"
    assert visitor.post(path, form, amount="1.255", reason="Goodwill").status == 400
    assert visitor.post(path, form, amount="0,75", reason="Goodwill").status == 303
    assert "€0.50" in visitor.open(f"/sessions/{talk.id}/receipt").text
    assert run(server, "verify").startswith("All totals and balances are right.")
    # What comes is in yen, at a rate that somebody has looked at.
    (card,) = talk.client.get("/api/chat/agents").json["agents"]
    assert (card["rate_per_minute"], card["currency"], card["status"]) == (3, "JPY", "away")
    talk.agent.post("/api/chat/agents/me", {"available": True})
    new = talk.client.ask(agent_id=card["id"])
    assert (new["currency"], new["rate_per_minute"]) == ("JPY", 3)


def test_the_currency_is_not_changed_while_anybody_has_money_in_it(past):
    server, _ = past
    runtime, client = server.runtime, server.person("client")

    def change(code="JPY"):
        currency.change(runtime, code)

    with pytest.raises(InvalidParameter, match="no currency of ISO 4217"):
        change("ZZZ")
    balances.change(runtime, None, client.id, "top_up", 500, "Cash")
    with pytest.raises(WrongStatus, match="1 clients have a balance"):
        change()
    balances.change(runtime, None, client.id, "refund", 500, "Back")
    asked, _ = transitions.request(runtime, User(client.id, "client", "", b""), None, None, None, 250)
    with pytest.raises(WrongStatus, match="1 sessions have not ended"):
        change()
    transitions.cancel(runtime, User(client.id, "client", "", b""), asked["id"])
    now = runtime.database.read(store.server.now)
    runtime.database.write(lambda db: store.server.take_lease(db, "x", now + 60_000, now + 120_000))
    with pytest.raises(WrongStatus, match="The server runs: stop it first"):
        change()
    runtime.database.write(lambda db: store.server.release(db, "x"))
    change()
    assert runtime.database.read(store.server.currency) == "JPY"
    ledger = balances.of_user(runtime, User(client.id, "client", "", b""), 2**62, 9)["ledger"]
    assert [(str(each["amount"]), each["currency"]) for each in ledger] == [("-5.00", "EUR"), ("5.00", "EUR")]
    rates = "SELECT rate_cents, is_available FROM users WHERE role = 'agent'"
    assert tuple(runtime.database.read(lambda db: db.conn.execute(rates).fetchone())) == (3, 0)
    change("KWD")
    assert tuple(runtime.database.read(lambda db: db.conn.execute(rates).fetchone())) == (3000, 0)


def test_nothing_in_another_currency_is_stored(runtime):
    people = {
        role: runtime.database.write(
            lambda db, role=role: store.users.insert(db, role, role, f"{role}@example.org", "", 0, 0)
        )
        for role in ("client", "agent")
    }
    for statement in (
        "INSERT INTO chat_sessions (client_id, status, currency, created_at, last_activity_at, revision) "
        f"VALUES ({people['client']}, 'waiting', 'USD', 1, 1, 1)",
        "INSERT INTO ledger (user_id, kind, amount_cents, currency, reason, created_at) "
        f"VALUES ({people['client']}, 'top_up', 5, 'USD', 'x', 1)",
    ):
        with pytest.raises(Exception, match="the database has another currency"):
            runtime.database.write(lambda db, statement=statement: db.conn.execute(statement))


@pytest.mark.parametrize(
    ("currency", "count"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("UGX", 0), ("RSD", 0), ("IQD", 0)]
)
def test_a_currency_has_the_decimals_that_people_pay_with(currency, count):
    """RSD has two and IQD three by ISO 4217, and no coins for them."""
    assert money.decimals(currency) == count


def test_there_is_no_runtime_in_a_currency_that_there_is_not(tmp_path):
    with pytest.raises(SettingError, match="CHAT_CURRENCY: there is no currency ZZZ"):
        Runtime(Settings(database_url=f"sqlite:///{tmp_path}/chat.db", currency="ZZZ"))


def before_money(path):
    """A database of the version before, with a client who was topped up and has asked for a session."""
    path.touch()
    db = connect(path)
    migrations.migrations.apply(db, stop_before="m010_money")
    for statement in (
        "INSERT INTO users (id, role, name, email, password_hash, created_at, balance_cents) "
        "VALUES (1, 'client', 'C', 'c@e.org', '', 1, 500), (2, 'agent', 'A', 'a@e.org', '', 1, 0)",
        "INSERT INTO ledger (user_id, kind, amount_cents, reason, created_at) "
        "VALUES (1, 'top_up', 500, 'x', 1)",
        "INSERT INTO chat_sessions (client_id, agent_id, status, created_at, last_activity_at, revision) "
        "VALUES (1, 2, 'waiting', 1, 1, 1)",
    ):
        db.conn.execute(statement)
    return db


def opened(path, currency):
    runtime = Runtime(Settings(database_url=f"sqlite:///{path}", currency=currency))
    runtime.prepare()
    return runtime


ALL = "SELECT (SELECT currency FROM server), (SELECT group_concat(currency) FROM ledger), " + (
    "(SELECT group_concat(currency) FROM (SELECT currency FROM chat_sessions ORDER BY id))"
)


@pytest.mark.parametrize(("accepted_in", "found"), [(None, "GBP"), ("USD", "USD")])
def test_a_database_from_before_has_the_currency_of_its_sessions_or_the_setting(tmp_path, accepted_in, found):
    path = tmp_path / "chat.db"
    db = before_money(path)
    if accepted_in:
        db.conn.execute(
            "INSERT INTO chat_sessions (client_id, agent_id, status, created_at, accepted_at, "
            "last_activity_at, revision, currency, ended_at, end_reason, total_cents) "
            "VALUES (1, 2, 'ended', 1, 1, 1, 1, 'USD', 2, 'ended_by_agent', 250)"
        )
    db.close()
    runtime = opened(path, "GBP")
    row = runtime.database.read(lambda db: tuple(db.conn.execute(ALL).fetchone()))
    assert row == (found, found, ",".join([found] * (2 if accepted_in else 1)))
    if accepted_in:
        with pytest.raises(
            SettingError, match="CHAT_CURRENCY is GBP, and all amounts in this database are in USD"
        ):
            runtime.check_currency()
    with pytest.raises(Exception, match="append-only"):
        runtime.database.write(lambda db: db.conn.execute("UPDATE ledger SET currency = 'JPY'"))
    runtime.close()


def test_hundredths_of_what_has_none_are_not_guessed_at(tmp_path):
    path = tmp_path / "chat.db"
    db = before_money(path)
    db.conn.execute("UPDATE chat_sessions SET accepted_at = 1, currency = 'JPY'")
    with pytest.raises(migrations.OddAmounts, match="sessions in JPY"):
        migrations.apply(db)
    db.close()
