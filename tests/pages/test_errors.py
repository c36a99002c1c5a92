"""Addresses, queries and forms that cannot be meant, and a server without its database."""

import json
from urllib.parse import quote

import pytest

from tests.pages.house import FILLED, FORMS, assert_headers, assert_safe
from tests.pages.visitor import PASSWORD, Visitor, new_email

JUNK_IDS = (
    "0",
    "-1",
    "99999999999999999999",
    "abc",
    "1.5",
    "%00",
    "%F0%9F%8D%B0",
    "²",
    "1%2F2",
    "+1",
    "0x1",
    " 1",
)


@pytest.mark.parametrize("junk", JUNK_IDS)
def test_an_id_that_is_none_is_a_page_with_a_4xx(people, junk):
    junk = quote(junk, safe="%")
    for role, path in [
        ("client", "/sessions/{}"),
        ("agent", "/sessions/{}"),
        ("client", "/sessions/{}/receipt"),
        ("client", "/sessions/{}/transcript.txt"),
        ("client", "/sessions/new?agent_id={}"),
        ("admin", "/admin/people/{}"),
        ("admin", "/admin/sessions/{}"),
        (None, "/links/{}"),
        (None, "/{}"),
    ]:
        page = people[role].open(path.format(junk))
        if (path, junk) != ("/sessions/new?agent_id={}", "0"):
            assert page.status in (400, 404, 405), path
        assert page.headers["Content-Type"].startswith("text/html")
    for role, path in [
        ("client", "/sessions/{}/messages"),
        ("client", "/sessions/{}/end"),
        ("agent", "/sessions/{}/accept"),
        ("agent", "/replies/{}/delete"),
        ("admin", "/admin/people/{}"),
        ("admin", "/admin/people/{}/disable"),
        ("admin", "/admin/people/{}/reset"),
        ("admin", "/admin/people/{}/balance"),
    ]:
        page = people[role].post(path.format(junk), {**FILLED, "email": new_email()})
        assert page.status in (400, 404, 405), path
        assert page.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("role", "path"),
    [
        *[("client", f"/sessions/{{id}}?before={junk}") for junk in ("x", "-1", "", "9" * 30, "1&before=2")],
        *[("client", f"/sessions?before={junk}") for junk in ("x", "-1", "", "1&before=2")],
        *[("client", f"/balance?before={junk}") for junk in ("x", "-1")],
        *[("client", f"/agents?after={junk}") for junk in ("x", "-1")],
        *[("agent", f"/earnings?days={junk}") for junk in ("0", "367", "x", "-7", "7&days=8")],
        *[("agent", f"/sessions/{{id}}?before={junk}") for junk in ("x", "-1")],
        *[("admin", f"/admin/statistics?days={junk}") for junk in ("0", "367", "x", "1e3")],
        *[
            ("admin", f"/admin/people?{junk}")
            for junk in ("role=root", "before=x", f"q={'x' * 201}", "q=a&q=b")
        ],
        *[("admin", f"/admin/sessions?{junk}") for junk in ("status=lost", "before=x", f"q={'x' * 201}")],
    ],
)
def test_a_query_that_cannot_be_meant_is_a_page_with_400(people, ids, role, path):
    page = people[role].open(path.format(**ids))
    assert page.status == 400
    assert page.alert


@pytest.mark.parametrize(
    "query", ["notice=<script>", "notice=saved&notice=x", "problem=x", "field=<b>", "%FF=%FF"]
)
def test_a_query_that_nobody_knows_is_left_alone(people, query):
    for visitor in people.values():
        page = visitor.open(f"/login?{query}")
        assert page.status == 200
        assert_safe(page)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_another_method_is_405(people, method):
    for path in ("/agents", "/admin/settings", "/earnings"):
        page = people["client"].request(method, path, "")
        assert (page.status, page.headers["Content-Type"]) == (405, "text/html; charset=utf-8")
        assert "GET" in page.headers["Allow"]


@pytest.mark.parametrize("role", ["client", "agent", "admin", None])
def test_a_form_that_is_none_is_a_page_with_a_4xx(people, ids, role):
    visitor = people[role]
    paths = ["/login", "/signup", "/language", "/setup", "/links/x", *FORMS.get(role, [])]
    if role:
        csrf, csrf_query = visitor.csrf, f"csrf={visitor.csrf}"
    else:
        csrf, csrf_query = "", ""
    form, multipart = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
    part = f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n'
    bodies = [
        ("", form),
        (csrf_query, form),
        (f"{csrf_query}&{'a=' + 'x' * 70_000}", form),
        (f"{csrf_query}&" + "&".join(f"f{number}=" for number in range(5000)), form),
        (f"{csrf_query}&name=%FF&role=%FF&kind=%FF&email=%FF&rate=%FF&available=%FF", form),
        (f"{csrf_query}&role=root&role=client&kind=x&available=2&language=xx", form),
        (json.dumps({"csrf": csrf, **FILLED}), "application/json"),
        (csrf_query, "text/plain"),
        (csrf_query, ""),
        (part, multipart),
        (f"{part}--x--", multipart),
        (f"{part}{part * 1200}--x--", multipart),
        (
            f'{part}--x\r\nContent-Disposition: form-data; name="name"; filename="a"\r\n\r\nx\r\n--x--',
            multipart,
        ),
        (part, "multipart/form-data"),
    ]
    for path in paths:
        if path.endswith(("/end", "/pause", "/disable", "/reset", "/reset-code", "/block")):
            continue  # They need no field.
        for body, kind in bodies:
            page = visitor.request("POST", path.format(**ids), body, Content_Type=kind)
            # A request without anything is one to any agent.
            least = 200 if path == "/sessions" else 400
            assert least <= page.status < 500, (path, kind, body[:200])
            assert page.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_form_that_is_too_large_is_told_so(people, ids):
    for role, visitor in people.items():
        page = visitor.post("/profile" if role else "/login", name="x" * 70_000)
        assert (page.status, page.alert) == (413, "That is too long.")


@pytest.mark.parametrize(
    "path", ["/sessions/{id}/explode", "/sessions/{id}/__class__", "/admin/people/{client}/delete"]
)
def test_an_unknown_action_is_404(people, ids, path):
    visitor = people["admin" if path.startswith("/admin") else "client"]
    assert visitor.post(path.format(**ids)).status == 404
    assert visitor.open(path.format(**ids)).status in (404, 405)


@pytest.mark.parametrize("cookie", ["\xff\xfe", "", "x" * 3000, '"quoted\\', "a=b; session=c", "é"])
def test_a_cookie_that_is_none_is_nobody(server, cookie):
    answer = server.client().get("/login", Cookie=f"session={cookie}; language={cookie}")
    assert answer.status == 200
    assert server.client().get("/profile", Cookie=f"session={cookie}").status == 303


def test_a_page_without_a_database_is_503_and_loses_nothing(start):
    server = start(workers=2)
    talk = server.conversation()
    client, here = Visitor(server, talk.client), f"/sessions/{talk.id}"
    page = client.open(here)
    server.wait_until(lambda workers: len(workers) == 2)
    away = server.path.rename(server.path.with_name("away.db"))
    for path in (here, "/agents", "/profile", "/", "/admin/people", "/links/x", "/setup"):
        broken = client.open(path)
        assert (broken.status, broken.headers["Content-Type"]) == (503, "text/html; charset=utf-8"), path
        assert broken.alert == "The database cannot be used right now; nothing was changed."
        assert broken.headers["Retry-After"]
        if path not in ("/links/x", "/setup"):  # Their addresses are told to nobody.
            assert_headers(broken)
    refused = client.post(
        f"{here}/messages", {**page.form(f"{here}/messages"), "message": "Pendant la panne"}
    )
    assert refused.status == 503
    assert "Pendant la panne" in refused.text
    assert Visitor(server).open("/login").status == 200
    assert Visitor(server).post("/login", email="nobody@example.org", password=PASSWORD).status == 503
    away.rename(server.path)
    assert client.fill(here, f"{here}/messages", message="Après").status == 200
    assert "Traceback" not in server.log.replace("Write failed", "")
