"""The people whom an administrator adds, finds, changes, disables and pays."""

import re

import pytest

from tests.pages.house import NOWHERE
from tests.pages.visitor import PASSWORD, Visitor, link_in, log_in, new_email, numbers, page_of, sign_up


def test_an_administrator_adds_people_of_each_role(server, admin):
    for role, start in (("client", "/agents"), ("agent", "/inbox"), ("admin", "/admin/statistics")):
        email = new_email()
        page = admin.fill(
            "/admin/people", "/admin/people", role=role, name="Née Ici", email=email, rate="3,20"
        )
        assert page.status == 201
        assert log_in(server, email, "")[1].status == 401
        link, newcomer = link_in(page), Visitor(server)
        assert "Née Ici" in newcomer.open(link).text
        answer = newcomer.post(link, password=PASSWORD, name="Mallory", email="mallory@example.org")
        assert answer.location == start
        assert log_in(server, email)[1].location == start
    again = admin.fill("/admin/people", "/admin/people", role="agent", name="Twin", email=email)
    assert again.status == 409
    assert "belongs to an account already" in again.text
    assert again.form("/admin/people")["email"] == email


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"email": "x"}, {"role": "root"}, {"rate": "-1"}, {"rate": "1e999999"}, {"rate": "x"}],
)
def test_somebody_who_cannot_be_added_is_told_why(admin, wrong):
    page = admin.post("/admin/people", {"role": "agent", "name": "New", "email": new_email(), **wrong})
    assert page.status == 400
    assert page.alert


def test_people_are_found_filtered_and_paged(server, admin):
    mark = f"Page{next(numbers)}x"
    people = [
        server.person("agent" if number % 5 == 0 else "client", f"{mark} {number}") for number in range(65)
    ]
    seen, path = [], f"/admin/people?q={mark.lower()}"
    for _ in range(2):
        page = admin.open(path)
        rows = [values["href"] for tag, values in page.read.tags if tag == "a"]
        seen += [int(href.rpartition("/")[2]) for href in rows if re.fullmatch(r"/admin/people/\d+", href)]
        more = [href for href in rows if "before=" in href]
        path = f"/admin/people{more[0]}" if more else None
        if path is None:
            break
    assert (seen, path) == ([who.id for who in reversed(people)], None)
    page = admin.open(f"/admin/people?q={mark}&role=agent")
    assert page.body.decode().count(f"<bdi>{mark} ") == 13
    assert "Nobody matches." in admin.open(f"/admin/people?q={mark}%25&role=admin").text


def test_an_administrator_changes_an_agent(admin, client, agent):
    page = f"/admin/people/{agent.person.id}"
    shown = admin.fill(page, page, name="Dr Laurent", headline="Droit du travail", rate="4,05")
    assert "Saved." in shown.text
    card = client.open(f"/agents?after={agent.person.id - 1}").text
    assert "Dr Laurent" in card
    assert "Droit du travail" in card
    assert "€4.05" in card
    for wrong in (
        {"rate": "1000000.01"},
        {"rate": "4,050"},
        {"rate": "four"},
        {"name": "x" * 101},
        {"headline": "x" * 201},
    ):
        refused = admin.fill(page, page, **wrong)
        assert refused.status == 400
        assert refused.form(page) == {
            **admin.open(page).form(page),
            **wrong,
            "csrf": refused.form(page)["csrf"],
        }
    assert admin.open(page).form(page)["rate"] == "4.05"
    assert admin.post(f"/admin/people/{NOWHERE}", name="Nobody").status == 404


def test_balances_are_topped_up_and_paid_back(admin, client, agent):
    page = f"/admin/people/{client.person.id}"

    def change(kind, amount, reason="Virement"):
        key = f"key{next(numbers)}"
        return admin.post(f"{page}/balance", kind=kind, amount=amount, reason=reason, key=key)

    # Nothing of it where nobody pays in advance, and has nothing to get back.
    assert "Prepaid balance" not in admin.open(page).text
    assert change("top_up", "20,50").status == 303
    assert change("refund", "0.5").status == 303
    assert "€20.00" in admin.open(page).text
    balance = client.open("/balance").text
    assert "€20.00" in balance
    assert "Virement" in balance
    for kind, amount, reason, status in [
        ("refund", "20.01", "Trop", 409),
        ("top_up", "0", "Rien", 400),
        ("top_up", "-5", "Moins", 400),
        ("top_up", "1.005", "Trois", 400),
        ("top_up", "12,000", "Mille", 400),
        ("top_up", "1e999999", "Beaucoup", 400),
        ("top_up", "1000001", "Beaucoup", 400),
        ("top_up", "", "Vide", 400),
        ("top_up", "5", "", 400),
        ("top_up", "5", "x" * 501, 400),
        ("gift", "5", "Cadeau", 400),
    ]:
        refused = change(kind, amount, reason)
        assert refused.status == status, (kind, amount, reason)
        assert refused.alert
        marked = [values for _, values in refused.read.tags if "autofocus" in values]
        assert all(values["aria-invalid"] == "true" and values["aria-describedby"] for values in marked)
        assert len(marked) == (status == 400 and kind != "gift")
        assert (refused.form(f"{page}/balance")["amount"], refused.form(f"{page}/balance")["reason"]) == (
            amount,
            reason,
        )
    assert "€20.00" in admin.open(page).text
    page = f"/admin/people/{agent.person.id}"
    assert admin.post(f"{page}/balance", kind="top_up", amount="5", reason="Virement", key="1").status == 404


def test_whoever_is_disabled_is_out_at_once_and_as_if_unknown(server, admin):
    client, email = sign_up(server)
    page = page_of(admin, email)
    link = link_in(admin.fill(page, f"{page}/reset"))
    person = server.client(client.token)
    held = person.await_inbox(person.inbox().json["cursor"])
    shown = admin.fill(page, f"{page}/disable")
    assert "Disabled" in shown.text
    assert held.result().status == 401
    assert client.request("GET", "/profile").status == 303
    assert person.inbox().status == 401
    refused, unknown = log_in(server, email)[1], log_in(server, new_email())[1]
    assert (refused.status, refused.alert) == (unknown.status, unknown.alert)
    assert Visitor(server).open(link).status == 404
    assert Visitor(server).post(link, password="another horse").status == 404
    while_out = link_in(admin.fill(page, f"{page}/reset"))
    assert Visitor(server).open(while_out).status == 404
    admin.fill(page, f"{page}/enable")
    assert client.request("GET", "/profile").status == 303
    assert log_in(server, email)[1].status == 303


def test_an_administrator_cannot_lock_themselves_out(admin):
    here = f"/admin/people/{admin.person.id}"
    assert f"{here}/disable" not in [each["action"] for each in admin.open(here).posts]
    assert admin.post(f"{here}/disable").status == 403
    assert admin.open("/admin/people").status == 200
