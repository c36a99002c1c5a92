"""Top-ups through Stripe: booked exactly once, and only what was asked for; sent back through it, too."""

import pytest

from chat import store
from chat.errors import InvalidParameter
from chat.money import Cents
from chat.providers import stripe
from chat.runtime import Runtime
from chat.settings import SettingError, Settings, from_environment
from tests.pages.visitor import Visitor
from tests.server import Server, mostly
from tests.stripe import KEY, SECRET, Stripe, deliver, event, signature
from tests.threads import together

DONE = "checkout.session.completed"
LATER = "checkout.session.async_payment_succeeded"
BACK = "charge.refunded"


@pytest.fixture(scope="module")
def bank():
    with Stripe() as running:
        yield running


@pytest.fixture(scope="module")
def shop(bank, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("shop"), workers=2, **bank.settings) as running:
        yield running


@pytest.fixture(autouse=True)
def stripe_is_well_again(bank):
    yield
    bank.status, bank.is_lost = 200, False


def balance(client):
    return client.get("/api/chat/balance").json["balance"]


def entries(client):
    return [entry["amount"] for entry in client.get("/api/chat/balance").json["ledger"]]


@pytest.fixture
def paid(bank, shop):
    """A client who has paid 20.00: (client, what Stripe tells of it)."""
    client = shop.person("client")
    what = bank.paid(client, 20)
    assert deliver(shop, DONE, what).status == 200
    return client, what


def go_back(bank, what, units):
    """Somebody sends it back at Stripe itself."""
    status, made = bank.send_back(what["payment_intent"], units, {})
    assert status == 200
    return made


def test_what_was_paid_is_booked_once_however_often_it_is_told(bank, shop):
    client = shop.person("client")
    what = bank.paid(client, 20)
    path, headers, content = bank.asked[-1]
    assert (path, headers["authorization"]) == ("/v1/checkout/sessions", f"Bearer {KEY}")
    assert headers["idempotency-key"] == content["client_reference_id"]
    page = f"{shop.url}/balance/top-ups/{what['payment']}"
    assert content == {
        "mode": "payment",
        "line_items[0][price_data][currency]": "eur",
        "line_items[0][price_data][unit_amount]": "2000",
        "line_items[0][price_data][product_data][name]": "Tête-à-tête",
        "line_items[0][quantity]": "1",
        "success_url": f"{page}?returned=1",
        "cancel_url": f"{page}?notice=not_paid",
        "client_reference_id": content["client_reference_id"],
    }
    path = f"/api/chat/payments/{what['payment']}"
    state = client.get(path).json
    assert (state["status"], state["amount"], balance(client)) == ("open", 20, 0)
    with together(shop) as threads:
        answers = threads.map(lambda _: deliver(shop, DONE, what).status, range(5))
    assert list(answers) == [200] * 5
    assert deliver(shop, LATER, what).status == 200
    assert (client.get(path).json["status"], balance(client), entries(client)) == ("paid", 20, [20])
    assert shop.person("client").get(path).status == 404


def test_with_a_key_there_is_one_payment(bank, shop):
    client = shop.person("client")
    made = [
        client.post("/api/chat/payments", {"amount": amount}, Idempotency_Key="1") for amount in (20, 20, 21)
    ]
    assert [answer.status for answer in made] == [201, 200, 409]
    assert made[1].json == {**made[0].json, "duplicate": True}
    assert made[2].json["code"] == "idempotency_mismatch"
    agent = shop.person("agent").pay("/api/chat/payments", {"amount": 20})
    assert (agent.status, agent.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_total": 1999},
        {"amount_total": 2001},
        {"currency": "usd"},
        {"currency": "jpy"},
        {"payment_status": "unpaid"},
        {"payment_status": "no_payment_required"},
        {"client_reference_id": "somebody else's"},
        {"client_reference_id": None},
    ],
    ids=str,
)
def test_what_was_not_asked_for_is_not_booked(bank, shop, wrong):
    client = shop.person("client")
    what = bank.paid(client, 20)
    assert deliver(shop, DONE, {**what, **wrong}).status == 200
    assert deliver(shop, "checkout.session.expired", what).status == 200
    assert deliver(shop, "customer.created", {"id": "cus_1"}).status == 200
    assert entries(client) == []
    # What comes later, and is right, is.
    assert deliver(shop, LATER, what).status == 200
    assert entries(client) == [20]


def test_what_stripe_has_not_signed_just_now_is_not_booked(bank, shop):
    client = shop.person("client")
    what = bank.paid(client, 20)
    content = event(DONE, what)
    right = signature(content)
    at, v1, _ = right.split(",")
    for wrong in (
        "",
        "nonsense",
        at,
        v1,
        f"t=,{v1}",
        f"t={int(at[2:]) - 1},{v1}",
        f"{at},v0={v1[3:]}",
        f"{at},v1={v1[3:-1]}",
        f"{at},v1=é",
        signature(content + b" "),
        signature(content, secret="whsec_other"),
        signature(content, 310),
        signature(content, -310),
    ):
        answer = deliver(shop, DONE, what, wrong.encode("latin-1"))
        assert (answer.status, answer.json["code"]) == (400, "invalid_request"), wrong
    for broken in (
        b"",
        b"[]",
        b"{}",
        b'{"type": "charge.refunded"}',
        event(DONE, {**what, "amount_total": 2e3}),
    ):
        headers = {"Stripe_Signature": signature(broken)}
        assert shop.client().request("POST", "/api/payments/stripe", broken, **headers).status == 400, broken
    assert entries(client) == []
    # While the secret is changed there are two.
    signed = f"{at},v1={'0' * 64},{v1}"
    assert deliver(shop, DONE, what, signed).status == 200
    assert deliver(shop, DONE, what, signature(content, 200)).status == 200
    assert entries(client) == [20]


@pytest.mark.parametrize(("status", "code"), [(402, "payment_refused"), (500, "payment_unavailable")])
def test_a_stripe_that_refuses_is_told_and_nothing_is_lost(bank, shop, status, code):
    client = shop.person("client")
    bank.status = status
    answer = client.post("/api/chat/payments", {"amount": 20}, Idempotency_Key="1")
    assert (answer.json["code"], KEY.encode() in answer.body) == (code, False)
    bank.status = 200
    answer = client.post("/api/chat/payments", {"amount": 20}, Idempotency_Key="1")
    assert (answer.status, answer.json["status"]) == (200, "open")
    first, second = bank.keys("/v1/checkout/sessions")[-2:]
    assert first == second


@mostly("gevent")
@pytest.mark.parametrize("is_dripping", [False, True])
def test_a_stripe_that_is_slow_stops_nobody_else(start, worker_class, is_dripping):
    with Stripe() as bank:
        server = start(worker_class=worker_class, **{**bank.settings, "stripe_seconds": 2})
        client, other = server.person("client"), server.person("client")
        bank.status, bank.is_dripping = 0, is_dripping
        with together(server) as threads:
            slow = threads.submit(
                lambda: client.post("/api/chat/payments", {"amount": 20}, Idempotency_Key="1")
            )
            while not bank.asked:
                balance(other)
            assert balance(other) == 0 and not slow.done()
            answer = slow.result()
        assert (answer.status, answer.json["code"]) == (503, "payment_unavailable")
        assert answer.headers["Retry-After"]
        bank.status = 200
        bank.go_on.set()
        assert client.post("/api/chat/payments", {"amount": 20}, Idempotency_Key="1").json["url"]
        assert len(set(bank.keys("/v1/checkout/sessions"))) == 1
        # And one that is not there at all.
        bank.stop()
        gone = client.pay("/api/chat/payments", {"amount": 20})
        assert (gone.status, gone.json["code"]) == (503, "payment_unavailable")
        assert KEY not in server.log and SECRET not in server.log


def test_some_of_it_goes_back_through_stripe(bank, shop, paid):
    client, what = paid
    admin, path = shop.person("admin"), f"/api/chat/payments/{what['payment']}/refund"
    first = admin.post(path, {"amount": 5.50}, Idempotency_Key="1")
    assert (first.status, first.json) == (201, {"success": True, "balance": 14.5})
    asked, headers, content = bank.asked[-1]
    assert (asked, content) == (
        "/v1/refunds",
        {
            "payment_intent": what["payment_intent"],
            "amount": "550",
            "metadata[reference]": content["metadata[reference]"],
        },
    )
    assert headers["idempotency-key"] == content["metadata[reference]"]
    calls = len(bank.asked)
    again = admin.post(path, {"amount": 5.50}, Idempotency_Key="1")
    assert (again.status, again.json["duplicate"], len(bank.asked)) == (200, True, calls)
    assert admin.post(path, {"amount": 5}, Idempotency_Key="1").json["code"] == "idempotency_mismatch"
    assert admin.pay(path, {"amount": 14.51}).json["code"] == "invalid_parameter"
    assert client.pay(path, {"amount": 1}).json["code"] == "forbidden"
    # What Stripe tells of it is known.
    for _ in range(2):
        assert deliver(shop, BACK, what).status == 200
    assert entries(client) == [-5.5, 20]
    assert client.get(path.removesuffix("/refund")).json["paid_back"] == 5.5
    (noted,) = admin.get(f"/api/chat/audit?kind=sent_back&userId={client.id}").json["entries"]
    assert (noted["actor"]["id"], noted["detail"]) == (admin.id, "5.50 EUR")


def test_what_was_used_is_not_sent_back(shop, paid):
    client, what = paid
    admin = shop.person("admin")
    used = {"user_id": client.id, "kind": "refund", "amount": 15, "reason": "In cash"}
    assert admin.pay("/api/chat/balance", used).status == 201
    path = f"/api/chat/payments/{what['payment']}/refund"
    assert admin.pay(path, {"amount": 5.01}).json["code"] == "insufficient_balance"
    assert admin.pay(path, {"amount": 5}).json["balance"] == 0


def test_what_stripe_refuses_to_send_back_the_client_keeps(bank, shop, paid):
    client, what = paid
    admin, path = shop.person("admin"), f"/api/chat/payments/{what['payment']}/refund"
    bank.status = 400
    for _ in range(2):
        assert admin.post(path, {"amount": 5}, Idempotency_Key="1").json["code"] == "payment_refused"
    assert entries(client) == [5, -5, 20]
    bank.status = 200
    assert admin.post(path, {"amount": 20}, Idempotency_Key="2").json["balance"] == 0


def test_what_stripe_did_not_answer_is_asked_again_and_goes_back_once(bank, shop, paid):
    client, what = paid
    admin, path = shop.person("admin"), f"/api/chat/payments/{what['payment']}/refund"
    before, bank.status = len(bank.keys("/v1/refunds")), 500
    for _ in range(2):
        answer = admin.post(path, {"amount": 5}, Idempotency_Key="1")
        assert (answer.status, answer.json["code"]) == (503, "payment_unavailable")
        assert entries(client) == [-5, 20]
    bank.status = 200
    assert admin.post(path, {"amount": 5}, Idempotency_Key="1").json["balance"] == 15
    keys = bank.keys("/v1/refunds")[before:]
    assert (len(keys), len(set(keys)), entries(client)) == (2, 1, [-5, 20])
    # Or Stripe has done it, and tells so by itself, or when it is asked: then nothing is sent again, although
    # it knows keys for a day only.
    bank.is_lost = True
    for key, amount, is_told, left in (("2", 3, True, 12), ("3", 12, False, 0)):
        assert admin.post(path, {"amount": amount}, Idempotency_Key=key).status == 503
        bank.done.clear()
        asked = len(bank.asked)
        assert not is_told or deliver(shop, BACK, what).status == 200
        assert admin.post(path, {"amount": amount}, Idempotency_Key=key).json["balance"] == left
        assert len(bank.asked) == asked
    assert entries(client) == [-12, -3, -5, 20]


def test_what_is_sent_back_at_stripe_is_booked_once(bank, shop, paid):
    client, what = paid
    for units in (300, 500, 0):
        if units:
            go_back(bank, what, units)
        for kind in (BACK, "refund.created", "refund.updated"):
            assert deliver(shop, kind, what).status == 200
    assert entries(client) == [-5, -3, 20]
    assert deliver(shop, BACK, {"payment_intent": "pi_unknown"}).status == 200
    assert deliver(shop, BACK, {"payment_intent": None}).status == 200
    # What the client has used nobody takes, and what is topped up later neither.
    used = {"user_id": client.id, "kind": "refund", "amount": 10, "reason": "In cash"}
    admin = shop.person("admin")
    assert admin.pay("/api/chat/balance", used).status == 201
    last = go_back(bank, what, 1200)
    assert deliver(shop, BACK, what).status == 200
    assert balance(client) == 0
    assert admin.pay("/api/chat/balance", {**used, "kind": "top_up"}).status == 201
    assert deliver(shop, BACK, what).status == 200
    assert balance(client) == 10
    # What then does not arrive is given back as far as it was taken.
    last["status"] = "failed"
    assert deliver(shop, "refund.failed", last).status == 200
    assert balance(client) == 12


def test_it_may_go_back_before_it_has_come(bank, shop):
    client = shop.person("client")
    what = bank.paid(client, 20)
    go_back(bank, what, 500)
    assert deliver(shop, BACK, what).status == 200
    # It tells it again, if it cannot say how much.
    bank.status = 500
    assert deliver(shop, DONE, what).json["code"] == "payment_unavailable"
    bank.status = 200
    assert deliver(shop, DONE, what).status == 200
    assert entries(client) == [-5, 20]


@pytest.mark.parametrize("kind", ["refund.failed", "refund.updated", "charge.refund.updated", "asked again"])
def test_what_did_not_arrive_the_client_has_again_once(bank, shop, paid, kind):
    client, what = paid
    admin, path = shop.person("admin"), f"/api/chat/payments/{what['payment']}/refund"
    bank.is_lost = kind == "asked again"
    assert admin.post(path, {"amount": 5}, Idempotency_Key="1").status == (503 if bank.is_lost else 201)
    other = go_back(bank, what, 300)
    assert bank.is_lost or deliver(shop, BACK, what).status == 200
    (failed,) = (each for each in bank.refunds[what["payment_intent"]] if each is not other)
    failed["status"] = "failed"
    for _ in range(3):
        if kind == "asked again":
            answer = admin.post(path, {"amount": 5}, Idempotency_Key="1")
            assert answer.json["code"] == "payment_refused"
        else:
            assert deliver(shop, kind, failed).status == 200
        # An event from before comes late.
        assert deliver(shop, BACK, what).status == 200
    assert entries(client) == [5, -3, -5, 20]
    assert f"nothing was sent back by {failed['id']!r}; 5.00 is on the balance again" in shop.log
    page = Visitor(shop, admin).open(f"/admin/people/{client.id}")
    assert "€5.00 did not arrive, and is on the balance again." in page.text
    assert "Send €17.00 back through Stripe" in page.text
    # One that has failed before we knew of it is nobody's loss.
    go_back(bank, what, 100)["status"] = "failed"
    assert deliver(shop, "refund.failed", failed).status == 200
    assert balance(client) == 17


def test_a_page_that_is_closed_is_opened_by_nobody(bank, shop):
    client = shop.person("client")
    what = bank.paid(client, 20, key="1")
    path, visitor = f"/api/chat/payments/{what['payment']}", Visitor(shop, client)
    link = visitor.open("/balance").link("/balance/top-ups/.*")
    assert deliver(shop, "checkout.session.expired", what).status == 200
    told = client.get(path).json
    assert (told["status"], told["url"]) == ("expired", None)
    page = visitor.open(link)
    assert "the page at Stripe is closed" in page.text and bank.url not in page.text
    assert link not in visitor.open("/balance").text
    # The key gives this one, and asks for no other page.
    asked = len(bank.asked)
    again = client.post("/api/chat/payments", {"amount": 20}, Idempotency_Key="1").json
    assert (again["id"], again["status"], len(bank.asked)) == (what["payment"], "expired", asked)
    # What is paid all the same is booked, and the page of what is paid is closed too.
    assert deliver(shop, LATER, what).status == 200
    assert deliver(shop, "checkout.session.expired", what).status == 200
    told = client.get(path).json
    assert (told["status"], told["url"], entries(client)) == ("paid", None, [20])


def test_a_client_has_so_many_open_top_ups_and_they_close_after_a_day(start):
    with Stripe() as bank:
        server = start(open_top_ups=2, **bank.settings)
        client = server.person("client")
        first, second = bank.paid(client, 20), bank.paid(client, 20)
        refused = client.pay("/api/chat/payments", {"amount": 20})
        assert (refused.status, refused.json["code"]) == (429, "too_many_top_ups")
        assert 86_000 < int(refused.headers["Retry-After"]) <= 86_400
        page = Visitor(server, client).open("/balance")
        form = Visitor(server, client)
        sent = form.post("/balance/top-ups", form.open("/balance").form("/balance/top-ups"))
        assert (sent.status, "Too many top-ups are open" in sent.text) == (429, True)
        assert page.link(f"/balance/top-ups/{first['payment']}")
        assert deliver(server, DONE, second).status == 200
        bank.paid(client, 20)
        assert client.pay("/api/chat/payments", {"amount": 20}).status == 429
        assert server.person("client").pay("/api/chat/payments", {"amount": 20}).status == 201
        server.advance(86_401)
        assert client.get(f"/api/chat/payments/{first['payment']}").json["status"] == "expired"
        bank.paid(client, 20)


def test_a_payment_that_is_made_twice_is_told_to_the_operator(bank, shop, paid):
    client, what = paid
    assert deliver(shop, DONE, {**what, "payment_intent": "pi_second"}).status == 200
    assert entries(client) == [20] and "paid twice, also as 'pi_second'" in shop.log
    other = shop.person("client")
    assert (
        deliver(shop, DONE, {**bank.paid(other, 20), "payment_intent": what["payment_intent"]}).status == 200
    )
    assert entries(other) == []


def test_what_is_paid_wakes_the_conversation(bank, shop):
    client, agent, admin = (shop.person(role) for role in ("client", "agent", "admin"))
    first = {"user_id": client.id, "kind": "top_up", "amount": 5, "reason": "Cash"}
    assert admin.pay("/api/chat/balance", first).status == 201
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    agent.send(asked, "Bonjour")
    what = bank.paid(client, 20)
    polls = [who.await_session(asked, lambda now: now["seconds_left"] > 500) for who in (client, agent)]
    shop.wait_until_held(2)
    assert deliver(shop, DONE, what).status == 200
    for poll in polls:
        assert poll.result()["seconds_left"] <= 600


def test_the_pages_lead_there_and_back(bank, shop):
    client = shop.person("client")
    visitor = Visitor(shop, client)
    form = visitor.open("/balance").form("/balance/top-ups")
    refused = visitor.post("/balance/top-ups", form, amount="12,000")
    assert (refused.status, "Enter an amount in EUR" in refused.text) == (400, True)
    bank.status = 500
    failed = visitor.post("/balance/top-ups", form, amount="12,50")
    assert (failed.status, failed.alert.startswith("The payment provider does not answer")) == (503, True)
    bank.status = 200
    retried = failed.form("/balance/top-ups")
    assert (retried["key"], retried["amount"]) == (form["key"], "12,50")
    began = visitor.post("/balance/top-ups", retried)
    page = visitor.open(began.location)
    assert (began.status, "€12.50" in page.text) == (303, True)
    there = page.link(f"{bank.url}/c/pay/.*")
    # Back, before Stripe has told us: the page asks again by itself.
    _, _, content = bank.asked[-1]
    path = content["success_url"].removeprefix(shop.url)
    waiting = visitor.open(path)
    assert "Stripe has not told us yet" in waiting.text
    seconds, _, address = waiting.headers["Refresh"].partition("; url=")
    assert (int(seconds), address) == (3, "?returned=2")
    last = visitor.open(path.replace("returned=1", "returned=40"))
    assert last.headers["Refresh"] is None
    cancelled = visitor.open(content["cancel_url"].removeprefix(shop.url))
    assert "Nothing was paid." in cancelled.text and cancelled.link(f"{bank.url}/c/pay/.*") == there
    what = {
        "client_reference_id": content["client_reference_id"],
        **{"payment_status": "paid", "amount_total": 1250, "currency": "eur", "payment_intent": "pi_page"},
    }
    assert deliver(shop, DONE, what).status == 200
    told = visitor.open(path)
    assert "your balance has it" in told.text and told.headers["Refresh"] is None
    assert "€12.50" in visitor.open("/balance").text
    assert Visitor(shop, shop.person("client")).open(path).status == 404
    # One of the amounts that are offered, by its button.
    began = visitor.post(
        "/balance/top-ups", visitor.open("/balance").form("/balance/top-ups"), offered="50.00"
    )
    assert "€50.00" in visitor.open(began.location).text


def test_the_administrators_page_sends_the_unused_rest_back(bank, shop, paid):
    client, _ = paid
    admin = Visitor(shop, shop.person("admin"))
    used = {"user_id": client.id, "kind": "refund", "amount": 4, "reason": "In cash"}
    assert admin.person.pay("/api/chat/balance", used).status == 201
    path = f"/admin/people/{client.id}"
    page = admin.open(path)
    assert "Send €16.00 back through Stripe" in page.text
    bank.status = 500
    failed = admin.post(f"{path}/payment", page.form(f"{path}/payment"))
    assert (failed.status, "Ask Stripe again for €16.00" in failed.text) == (503, True)
    bank.status = 200
    assert admin.post(f"{path}/payment", admin.open(path).form(f"{path}/payment")).status == 303
    assert (entries(client), len(set(bank.keys("/v1/refunds")[-2:]))) == ([-16, -4, 20], 1)
    assert "back through Stripe" not in admin.open(path).text


def test_without_keys_there_is_nothing(site):
    client = site.person("client")
    for answer in (
        client.pay("/api/chat/payments", {"amount": 20}),
        site.client().request("POST", "/api/payments/stripe", b"{}"),
        site.person("admin").pay("/api/chat/payments/1/refund", {"amount": 20}),
    ):
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    # Who may not pay back learns nothing of it.
    assert client.pay("/api/chat/payments/1/refund", {"amount": 20}).status == 403
    visitor = Visitor(site, client)
    assert [form["action"] for form in visitor.open("/balance").posts] == ["/logout"]
    assert visitor.post("/balance/top-ups", amount="20", key="1").status == 404


def test_the_keys_are_told_to_nobody(shop):
    settings = Settings(stripe_secret_key=KEY, stripe_webhook_secret=SECRET)
    page = Visitor(shop, shop.person("admin")).open("/admin/settings")
    assert "CHAT_STRIPE_SECRET_KEY" in page.text
    with pytest.raises(SettingError) as error:
        from_environment({"CHAT_STRIPE_SECRET_KEY": f"{KEY} {SECRET}"})
    for told in (repr(settings), page.text, str(error.value), shop.log):
        assert KEY not in told and SECRET not in told
    for wrong in ("http://stripe.example.org", "https://stripe.example.org/v1", "stripe"):
        with pytest.raises(SettingError):
            from_environment({"CHAT_STRIPE_URL": wrong})
    with pytest.raises(SettingError, match="set both, or none"):
        Runtime(Settings(stripe_secret_key=KEY))


@pytest.mark.parametrize(
    ("cents", "currency", "units"),
    [
        (1250, "EUR", 1250),
        (1250, "JPY", 1250),
        (1250, "KWD", 1250),
        (5, "ISK", 500),
        (5, "UGX", 500),
        (5, "RSD", 500),
    ],
)
def test_amounts_are_counted_as_stripe_counts_them(cents, currency, units):
    account = stripe.Stripe(Settings(stripe_secret_key=KEY, stripe_webhook_secret=SECRET))
    assert account.units(Cents(cents, currency)) == units
    assert account.cents(units, currency) == cents
    with pytest.raises(InvalidParameter):
        account.units(Cents(1255, "KWD"))


def test_one_payment_has_one_row_of_the_ledger(shop, paid):
    _, what = paid
    row = shop.database.read(lambda db: store.payments.by_provider_id(db, what["payment_intent"]))
    assert row["ledger_id"] and len(row["reference"]) == 32 and row["reference"] != str(row["id"])
