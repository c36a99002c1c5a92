"""The audit log: what administrators do is in it, once and for good, and no secret is."""

from uuid import uuid4

import pytest

from app import create_app
from chat import indexing, store, widgets
from chat.database.sqlite.connection import sqlite3 as engine
from chat.settings import Settings
from tests.pages.visitor import PASSWORD, Visitor, email_of, link_in, log_in, page_of
from tests.server import Server
from tests.test_outsiders import OFFICE

FROM = {"X_Forwarded_For": "203.0.113.7"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("office"), proxies=1) as running:
        yield running


@pytest.fixture
def admin(server):
    return server.person("admin", "Root")


def acts(admin, **query):
    """What the API tells of them, the first one first."""
    found = admin.get("/api/chat/audit?" + "&".join(f"{name}={value}" for name, value in query.items())).json
    return found["entries"][::-1]


def kinds_of(admin):
    return [each["kind"] for each in acts(admin, userId=admin.id) if each["actor"]]


class Office:
    """An administrator does each thing once, on the pages or by the API."""

    def __init__(self, server, admin):
        self.server, self.admin, self.page = server, admin, Visitor(server, admin)
        self.client, self.agent = server.person("client", "Camille"), server.person("agent", "Anaïs")
        self.talk = server.conversation()
        server.advance(90)
        self.talk.client.do("end", self.talk.id)
        self.talk.client.do("rating", self.talk.id, rating=4, comment="Patient", public=True)
        report = {"reason": "abuse", "remark": "Loud"}
        self.reports = [
            each.post(f"/api/chat/sessions/{self.talk.id}/reports", report).json["report"]["id"]
            for each in (self.talk.client, self.talk.agent)
        ]

    def api(self, path, content=None, **headers):
        headers.setdefault("Idempotency_Key", str(uuid4()))
        answer = self.admin.post(f"/api/chat/{path}", content, **headers)
        assert answer.status in (200, 201), answer.body

    def form(self, path, **values):
        page = self.page.post(path, values)
        assert page.status in (200, 201, 303), (page.status, page.alert)

    def person(self, action="", who=None, **values):
        self.form(f"/admin/people/{(who or self.client).id}{action}", **values)

    def change_agent(self):
        self.person(who=self.agent, name="Dr Anaïs", headline="", rate="3", share="70")

    def everything(self):
        """By route: how it is done, and what is noted of it."""
        new = {"role": "agent", "name": "Zoé", "email": "zoe@example.net", "rate": "2"}
        money = {"amount": "5", "reason": "Bank"}
        client, agent, talk = self.client.id, self.agent.id, self.talk.id
        note, other = (
            self.admin.post(f"/api/chat/clients/{client}/notes", {"text": "?"}).json["note"]["id"]
            for _ in range(2)
        )
        key = {"Idempotency_Key": "1"}
        receipt = f"sessions/{talk}/receipt"
        return {
            "administration.create_person": [(lambda: self.form("/admin/people", **new), ["user_created"])],
            "administration.invite": [(lambda: self.form("/admin/invitations", role="client"), ["invited"])],
            "administration.change_person": [
                (self.change_agent, ["share_changed", "rate_changed", "user_changed"]),
                (self.change_agent, []),
            ],
            "administration.act_on_person": [
                (lambda: self.person("/reset"), ["password_link"]),
                (lambda: self.person("/balance", kind="top_up", key="t", **money), ["top_up"]),
                (lambda: self.person("/balance", kind="refund", key="r", **money), ["refund"]),
                (lambda: self.person("/block"), ["blocked"]),
                (lambda: self.person("/unblock"), ["unblocked"]),
                (lambda: self.person("/reset-code"), ["totp_reset"]),
                (lambda: self.person("/disable"), ["disabled"]),
                (lambda: self.person("/enable"), ["enabled"]),
            ],
            "privacy.erase": [
                (lambda: self.person("/erase", self.server.person("client"), confirm="1"), ["erased"])
            ],
            "agents.change_balance": [
                (
                    lambda: self.api(
                        "balance", {"user_id": client, "kind": "top_up", "amount": 5, "reason": "?"}, **key
                    ),
                    ["top_up"],
                ),
                (
                    lambda: self.api(
                        "balance", {"user_id": client, "kind": "top_up", "amount": 5, "reason": "?"}, **key
                    ),
                    [],
                ),
            ],
            "earnings.pay_out": [
                (lambda: self.api("payouts", {"agent_id": agent, "amount": 5, "reason": "?"}), ["paid_out"])
            ],
            "statements.pay_out": [
                (
                    lambda: self.person(
                        "/payouts", self.agent, kind="taken_back", amount="1", reason="?", key="?"
                    ),
                    ["taken_back"],
                )
            ],
            "bookkeeping.ask": [(lambda: self.api(f"{receipt}/remarks", {"remark": "!"}), ["answered"])],
            "bookkeeping.credit": [
                (lambda: self.api(f"{receipt}/credits", {"amount": 1, "reason": "?"}, **key), ["credited"]),
                (lambda: self.api(f"{receipt}/credits", {"amount": 1, "reason": "?"}, **key), []),
            ],
            "books.ask": [(lambda: self.form(f"/sessions/{talk}/receipt/remarks", remark="!"), ["answered"])],
            "books.credit": [
                (
                    lambda: self.form(f"/sessions/{talk}/receipt/credits", amount="1", reason="?", key="f"),
                    ["credited"],
                )
            ],
            "order.block": [(lambda: self.api("blocks", {"client_id": client}), ["blocked"])],
            "order.lift": [(lambda: self.api(f"blocks/{client}/lift"), ["unblocked"])],
            "order.finish": [
                (lambda: self.api(f"reports/{self.reports[0]}/done", {"note": "?"}), ["report_done"]),
                (lambda: self.api(f"reports/{self.reports[0]}/done", {"note": "?"}), []),
            ],
            "clients.add": [(lambda: self.api(f"clients/{client}/notes", {"text": "?"}), [])],
            "clients.change": [(lambda: self.api(f"clients/{client}/notes/{note}", {"text": "!"}), [])],
            "clients.delete": [(lambda: self.api(f"clients/{client}/notes/{note}/delete"), ["note_deleted"])],
            "files.add": [(lambda: self.form(f"/clients/{client}/notes", text="?"), [])],
            "files.change": [(lambda: self.form(f"/clients/{client}/notes/{other}", text="!"), [])],
            "files.delete": [
                (lambda: self.form(f"/clients/{client}/notes/{other}/delete"), ["note_deleted"])
            ],
            **self.webhooks(),
            **self.widgets(),
            "agents.hide_review": [(lambda: self.api(f"reviews/{talk}/hide"), ["review_hidden"])],
            "agents.show_review": [(lambda: self.api(f"reviews/{talk}/show"), ["review_shown"])],
            "keeping.change_review": [
                (lambda: self.form(f"/admin/reviews/{talk}", hidden="1"), ["review_hidden"])
            ],
            "first_steps.put_away": [(lambda: self.form("/admin/steps"), [])],
            "keeping.finish": [
                (lambda: self.form(f"/admin/reports/{self.reports[1]}/done"), ["report_done"])
            ],
        }

    def widgets(self):
        """The same of what is done with widgets of websites."""
        form = {"label": "Shop", "origins": "https://www.shop.example"}
        number = widgets.add(self.server.runtime, None, "Shop", [form["origins"]])["id"]
        path = f"/admin/widgets/{number}"
        return {
            "widgets.add": [(lambda: self.form("/admin/widgets", **form), ["widget_added"])],
            "widgets.change": [
                (lambda: self.form(path, **{**form, "label": "New"}), ["widget_changed"]),
                (lambda: self.form(path, **{**form, "label": "New"}), []),
            ],
            "widgets.revoke": [(lambda: self.form(f"{path}/revoke"), ["widget_revoked"])],
        }

    def webhooks(self):
        """The same of what is done with webhooks."""
        asked = {"label": "Books", "url": "https://hooks.invalid/a", "events": ["receipt.credited"]}
        hook, other = (self.admin.post("/api/chat/webhooks", asked).json["webhook"]["id"] for _ in range(2))
        assert self.admin.post(f"/api/chat/webhooks/{hook}/test").status == 200
        again = self.admin.get(f"/api/chat/webhooks/{hook}/deliveries").json["deliveries"][0]["id"]
        changed, form = ["webhook_changed"], {**asked, "events": "receipt.credited"}
        return {
            "webhooks.add": [(lambda: self.api("webhooks", asked), ["webhook_added"])],
            "webhooks.change": [
                (lambda: self.api(f"webhooks/{hook}", {"label": "New"}), changed),
                (lambda: self.api(f"webhooks/{hook}", {"label": "New"}), []),
            ],
            "webhooks.turn_off": [
                (lambda: self.api(f"webhooks/{hook}/off"), changed),
                (lambda: self.api(f"webhooks/{hook}/off"), []),
            ],
            "webhooks.turn_on": [(lambda: self.api(f"webhooks/{hook}/on"), changed)],
            "webhooks.rotate": [(lambda: self.api(f"webhooks/{hook}/rotate"), changed)],
            "webhooks.send_test": [(lambda: self.api(f"webhooks/{hook}/test"), [])],
            "webhooks.send_again": [(lambda: self.api(f"webhooks/{hook}/deliveries/{again}/again"), [])],
            "hooks.send_again": [(lambda: self.form(f"/admin/webhooks/{hook}/deliveries/{again}/again"), [])],
            "webhooks.remove": [(lambda: self.api(f"webhooks/{hook}/delete"), ["webhook_removed"])],
            "hooks.add": [(lambda: self.form("/admin/webhooks", **form), ["webhook_added"])],
            "hooks.change": [
                (lambda: self.form(f"/admin/webhooks/{other}", **{**form, "label": "New"}), changed)
            ],
            "hooks.act": [
                (lambda: self.form(f"/admin/webhooks/{other}/off"), changed),
                (lambda: self.form(f"/admin/webhooks/{other}/on"), changed),
                (lambda: self.form(f"/admin/webhooks/{other}/rotate"), changed),
                (lambda: self.form(f"/admin/webhooks/{other}/test"), []),
                (lambda: self.form(f"/admin/webhooks/{other}/delete"), ["webhook_removed"]),
            ],
        }


# tests/test_payments.py has a provider.
ELSEWHERE = {"payments.create", "payments.refund", "payments.hear_stripe"}


def test_whatever_an_administrator_does_is_noted_once_and_every_route_is_tried(server, admin, tmp_path):
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/chat.db"))
    posts = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "POST" in rule.methods and rule.endpoint.startswith(OFFICE)
    }
    app.extensions["chat"].close()
    everything = Office(server, admin).everything()
    assert posts - ELSEWHERE == everything.keys()
    for endpoint, tried in everything.items():
        for act, expected in tried:
            before = len(kinds_of(admin))
            act()
            assert kinds_of(admin)[before:] == expected, endpoint


def test_reading_a_conversation_is_noted_of_administrators_alone(server, admin):
    talk = server.conversation()
    office = Visitor(server, admin)
    places = [
        f"/admin/sessions/{talk.id}",
        *(f"/sessions/{talk.id}/transcript.{kind}" for kind in ("txt", "json")),
    ]
    for place in places:
        assert office.open(place).status == 200
    for who in (talk.client, talk.agent):
        assert Visitor(server, who).open(places[1]).status == 200
    assert office.open(f"/admin/sessions/{2**40}").status == 404
    found = [each for each in acts(admin) if each["chat_session_id"] == talk.id]
    assert [(each["kind"], each["actor"]["id"]) for each in found] == [("transcript_read", admin.id)] * 3


def test_a_search_for_words_is_noted_without_them(server, admin):
    office, talk = Visitor(server, admin), server.conversation()
    talk.client.send(talk.id, "wellensittich")
    indexing.catch_up(server.runtime)
    for text in ("", " ", "wellen", "elster"):
        page = office.open(f"/admin/sessions?q={text.replace(' ', '+')}")
        assert (f"/admin/sessions/{talk.id}" in page.body.decode()) == (text != "elster")
    assert kinds_of(admin) == ["searched"] * 2
    assert "wellen" not in str(acts(admin, userId=admin.id))
    assert Visitor(server, talk.agent).open("/admin/sessions?q=wellen").status == 403


def test_it_says_who_did_what_to_whom_from_where(server, admin):
    client = server.person("client", "Camille")
    content = {"user_id": client.id, "kind": "top_up", "amount": 12.5, "reason": "Secret reason"}
    assert admin.post("/api/chat/balance", content, Idempotency_Key="1", **FROM).status == 201
    found = acts(admin, userId=client.id, kind="top_up")
    assert [
        (each["actor"]["name"], each["user"]["name"], each["address"], each["detail"]) for each in found
    ] == [("Root", "Camille", "203.0.113.7", "12.50 EUR")]
    admin.post("/api/chat/balance", content, Idempotency_Key="2", X_Forwarded_For="2001:db8:1:2:3:4:5:6")
    assert acts(admin, kind="top_up")[-1]["address"] == "2001:db8:1:2::/64"


def test_what_is_refused_is_not_noted(server, admin):
    client, before = server.person("client"), len(acts(admin))
    content = {"user_id": client.id, "kind": "refund", "amount": 5, "reason": "?"}
    assert admin.post("/api/chat/balance", content, Idempotency_Key="3").status == 409
    office, own = Visitor(server, admin), f"/admin/people/{admin.id}"
    for action in ("disable", "reset", "reset-code"):
        assert office.post(f"{own}/{action}").status == 403
    shown = [each["action"] for each in office.open(own).posts]
    assert not [each for each in shown if each.startswith(own + "/")]
    assert client.post("/api/chat/balance", content, Idempotency_Key="3").status == 403
    assert len(acts(admin)) == before


def test_signing_in_is_noted_of_administrators(server, admin):
    client = server.person("client")
    for who in (admin, client):
        assert log_in(server, email_of(server, who))[1].status == 303
    assert [each["kind"] for each in acts(admin, userId=admin.id)][-1:] == ["signed_in"]
    assert "signed_in" not in [each["kind"] for each in acts(admin, userId=client.id)]


def test_a_password_that_was_chosen_by_a_link_is_noted_of_administrators(server, admin):
    for other, expected in ((server.person("admin"), ["password_changed"]), (server.person("client"), [])):
        place = f"/admin/people/{other.id}"
        link = link_in(Visitor(server, admin).fill(place, f"{place}/reset"))
        assert Visitor(server).post(link, password="another horse", headers=FROM).status == 303
        found = acts(admin, userId=other.id, kind="password_changed")
        assert [each["kind"] for each in found] == expected
        assert [(each["actor"]["id"], each["address"]) for each in found] == [
            (other.id, "203.0.113.7")
        ] * len(expected)


def test_it_can_only_be_added_to(server, admin):
    server.person("client")
    for statement in ("UPDATE audit SET detail = ''", "DELETE FROM audit"):
        with pytest.raises(engine.IntegrityError, match="append-only"):
            server.database.write(lambda db, sql=statement: db.conn.execute(sql))
    assert acts(admin)


def test_no_secret_and_no_message_is_in_it(server, admin):
    office, talk = Visitor(server, admin), server.conversation()
    talk.client.send(talk.id, "kanarienvogel")
    office.open(f"/admin/sessions/{talk.id}")
    link = link_in(
        office.fill("/admin/people", "/admin/people", role="client", name="Kim", email="kim@example.net")
    )
    Visitor(server).post(link, password=PASSWORD)
    office.post("/profile/password", password=PASSWORD, new_password="another horse")
    rows = str(server.database.read(lambda db: [dict(row) for row in db.conn.execute("SELECT * FROM audit")]))
    assert "password_changed" in rows and "transcript_read" in rows
    for secret in (
        PASSWORD,
        "another horse",
        link.rpartition("/")[2],
        "kanarienvogel",
        office.token,
        talk.client.token,
    ):
        assert secret not in rows


def test_ten_thousand_acts_are_paged_and_filtered(server, admin):
    other = server.person("admin", "Numerous")

    def fill(db):
        for number in range(10_000):
            kind = "invited" if number % 100 else "enabled"
            store.audit.insert(db, kind, other.id, "", None, None, str(number), number)

    server.database.write(fill)
    seen, before = [], 2**62
    while True:
        page = admin.get(
            f"/api/chat/audit?userId={other.id}&kind=enabled&limit=40&beforeEntryId={before}"
        ).json
        seen += [int(each["detail"]) for each in page["entries"]]
        if not page["has_more"]:
            break
        before = page["entries"][-1]["id"]
    assert seen == list(range(9900, -1, -100))
    office = Visitor(server, admin)
    first = office.open("/admin/audit?q=numerous&kind=enabled")
    assert first.body.decode().count("<bdi>Numerous</bdi>") == 50
    second = office.open(
        "/admin/audit" + first.link(r"\?q=numerous&kind=enabled&before=\d+").replace("/admin/audit", "")
    )
    assert second.body.decode().count("<bdi>Numerous</bdi>") == 50
    assert "Older acts" not in second.text
    assert "Nothing matches." in office.open("/admin/audit?q=nobody-at-all").text
    assert page_of(office, email_of(server, other))


def test_what_is_done_at_the_console_is_noted_as_such(server, admin, run):
    ida = "ida@example.net"
    run(server, "create-user", ida, "--name", "Ida", "--role", "agent", "--password", PASSWORD)
    run(server, "users", "set-share", ida, 65)
    lines = run(server, "audit", "--of", ida).splitlines()
    assert [line.split("  ")[3] for line in lines] == ["share_changed", "user_created"]
    assert all("  command line  -  " in line for line in lines)
    assert run(server, "audit", "--kind", "share_changed", "--limit", 1).strip() == lines[0]
    (entry,) = acts(admin, kind="share_changed")[-1:]
    assert (entry["actor"], entry["user"]["name"], entry["detail"]) == (None, "Ida", "→ 65 %")
