"""Signing in, and where one goes on."""

from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from tests.pages.visitor import PASSWORD, Visitor, email_of, log_in, sign_up


def test_signing_in_gives_a_new_token_that_scripts_and_other_sites_do_not_get(server):
    phone, email = sign_up(server)
    laptop, answer = log_in(server, email)
    assert (answer.status, answer.location) == (303, "/agents")
    cookie = answer.headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * 86_400}"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert phone.token != laptop.token
    behind_tls = Visitor(server).post(
        "/login", email=email, password=PASSWORD, headers={"X_Forwarded_Proto": "https"}
    )
    assert "Secure" in behind_tls.headers["Set-Cookie"]
    assert phone.open("/profile").path == "/profile"
    old = laptop.token
    assert laptop.fill("/profile", "/logout").text.count("You are signed out") == 1
    assert laptop.token is None
    laptop.cookies["session"] = old
    assert laptop.request("GET", "/profile").status == 303
    assert phone.request("GET", "/profile").status == 200


@pytest.mark.parametrize(
    ("next_page", "location"),
    [
        ("/profile", "/profile"),
        ("/sessions?before=5", "/sessions?before=5"),
        ("//evil.example/", "/agents"),
        ("///evil.example/", "/agents"),
        ("https://evil.example/", "/agents"),
        ("https:evil.example", "/agents"),
        ("javascript:alert(1)", "/agents"),
        ("/\\evil.example", "/agents"),
        ("\\\\evil.example", "/agents"),
        ("/x\\y", "/agents"),
        ("/\t/evil.example", "/agents"),
        ("/\n/evil.example", "/agents"),
        ("/a\r\nSet-Cookie: session=x", "/agents"),
        (" //evil.example", "/agents"),
        ("/\u202eevil", "/agents"),
        ("evil.example", "/agents"),
        ("/%2f/evil.example", "/%2f/evil.example"),
        ("%2f%2fevil.example", "/agents"),
        ("/\0/evil.example", "/agents"),
        ("/\x0b/evil.example", "/agents"),
    ],
)
def test_after_signing_in_one_goes_on_on_this_site_only(server, next_page, location):
    email = email_of(server, server.person("client"))
    page = Visitor(server).open(f"/login?{urlencode({'next': next_page})}")
    assert page.form("/login")["next"].splitlines() == next_page.splitlines()
    client, answer = log_in(server, email, next=next_page)
    assert (answer.status, answer.location) == (303, location)
    assert client.token
    chosen = Visitor(server).post("/language", language="fr", next=next_page)
    assert chosen.location == (location if location != "/agents" else "/")


def test_a_wrong_password_and_an_unknown_email_are_one_answer(server):
    _, email = sign_up(server)
    wrong, unknown = (
        log_in(server, *pair)[1] for pair in ((email, "wrong horse"), ("nobody@example.org", PASSWORD))
    )
    assert wrong.status == unknown.status == 401
    assert wrong.alert == unknown.alert == "The email or the password is wrong."
    assert wrong.body.replace(email.encode(), b"") == unknown.body.replace(b"nobody@example.org", b"")
    assert "Set-Cookie" not in wrong.headers
    blank = log_in(server, "", "")[1]
    assert (blank.status, blank.alert) == (401, wrong.alert)


def test_passwords_are_not_tried_for_long(server):
    _, email = sign_up(server)
    # Ten, and those that come back meanwhile on a slow machine.
    answers = (log_in(server, email, "wrong horse")[1] for _ in range(100))
    last = next(answer for answer in answers if answer.status != 401)
    assert (last.status, last.alert) == (429, "Too many attempts; wait a while.")
    assert last.headers["Retry-After"]
    assert last.form("/login")["email"] == email


def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_then_back(server):
    _, email = sign_up(server)
    visitor = Visitor(server)
    page = visitor.open("/sessions?before=7")
    assert (page.path, page.form("/login")["next"]) == (
        "/login?next=/sessions?before%3D7",
        "/sessions?before=7",
    )
    assert visitor.fill(page, "/login", email=email, password=PASSWORD).path == "/sessions?before=7"


def test_a_language_is_chosen_before_signing_in(server):
    visitor = Visitor(server)
    page = visitor.fill("/login", "/language", language="fr")
    assert page.path == "/login"
    assert ("html", {"lang": "fr"}) in page.read.tags
    assert visitor.cookies["language"] == "fr"
    assert ("html", {"lang": "en"}) in Visitor(server).open("/login", Accept_Language="en").read.tags
    for wrong in ("de", "", "<b>", "fr\n"):
        refused = visitor.post("/language", language=wrong)
        assert (refused.status, "Set-Cookie" in refused.headers) == (400, False)
    visitor.cookies["language"] = "../../etc"
    assert visitor.open("/login").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "//evil.example/",
        "//evil.example/..",
        "//evil.example//login",
        "///evil.example/login",
        "/\\evil.example/login",
        "/%2f%2fevil.example/login",
        "/%5cevil.example",
        "/login//",
        "//login",
        "https://evil.example/login",
        "https://evil.example//profile",
        "/sessions/%2f%2fevil.example",
        "/profile?next=//evil.example",
        "/?back=https://evil.example",
    ],
)
def test_no_address_leads_to_another_site(server, path):
    for visitor in (Visitor(server), Visitor(server, server.person("client"))):
        location = visitor.request("GET", path).location
        if location is not None:
            place = urlsplit(urljoin(server.url, location))
            assert f"{place.scheme}://{place.netloc}" == server.url, location
            assert not location.startswith(("//", "/\\"))
