"""The cookies of a sign-in: beside those of other applications, behind TLS, below a prefix."""

import itertools
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest

from tests.pages.visitor import PASSWORD, Visitor, sign_up
from tests.test_prefix import PREFIX

TLS = {"X_Forwarded_Proto": "https"}
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
JUNK = "someone-elses"


def sign_in(server, email, path="/login", **headers):
    """(the cookies that a browser is given, by name; the answer)."""
    answer = server.client().request(
        "POST", path, urlencode({"email": email, "password": PASSWORD}), **FORM, **headers
    )
    assert answer.status == 303, answer.body
    return given(answer), answer


def given(answer):
    found = SimpleCookie()
    for line in answer.headers.get_all("Set-Cookie"):
        found.load(line)
    return found


@pytest.mark.parametrize("order", [0, 1])
def test_another_applications_cookie_of_the_same_name_keeps_nobody_out(site, order):
    visitor, _ = sign_up(site)
    pair = [f"session={visitor.token}", f"session={JUNK}"]
    cookie = "; ".join(pair[::-1] if order else pair)
    client = site.client()
    assert client.get("/profile", Cookie=cookie).status == 200
    assert client.get("/api/chat/sessions", Cookie=cookie).status == 200
    # Their forms carry the token of the sign-in, not of the first cookie.
    csrf = visitor.csrf
    body = urlencode({"csrf": csrf, "name": "Camille"})
    assert client.request("POST", "/profile", body, Cookie=cookie, **FORM).status == 303
    assert client.post("/api/auth/logout", Cookie=cookie).status == 200
    assert client.get("/profile", Cookie=cookie).status == 303


def test_behind_tls_a_browser_gets_one_that_no_other_host_can_set(site):
    _, email = sign_up(site)
    cookies, _ = sign_in(site, email, **TLS)
    assert {name: cookies[name].value for name in cookies} == dict.fromkeys(
        ("__Host-session", "session"), cookies["session"].value
    )
    for name in cookies:
        found = cookies[name]
        assert (found["secure"], found["httponly"], found["samesite"], found["path"], found["domain"]) == (
            True,
            True,
            "Lax",
            "/",
            "",
        )
    assert list(sign_in(site, email)[0]) == ["session"]
    # Either is enough, and the one that no other host can set comes first.
    token = cookies["session"].value
    other, _ = sign_up(site)
    for cookie in (f"__Host-session={token}", f"session={token}"):
        assert site.client().get("/api/chat/sessions", Cookie=cookie, **TLS).status == 200
    page = site.client().get("/profile", Cookie=f"session={other.token}; __Host-session={token}", **TLS)
    assert email in page.body.decode()


def test_signing_out_ends_each_of_them(site):
    _, email = sign_up(site)
    one, two = (sign_in(site, email, **TLS)[0]["session"].value for _ in range(2))
    assert one != two
    cookie = f"session={one}; __Host-session={two}"
    csrf = Visitor(site, site.client(two)).csrf
    answer = site.client().request("POST", "/logout", urlencode({"csrf": csrf}), Cookie=cookie, **FORM, **TLS)
    gone = given(answer)
    assert {name: (gone[name].value, gone[name]["max-age"], gone[name]["path"]) for name in gone} == {
        name: ("", "0", "/") for name in ("__Host-session", "session")
    }
    assert all(gone[name]["secure"] for name in gone)
    for token in (one, two):
        assert site.client().get("/api/chat/sessions", Cookie=f"session={token}").status == 401


@pytest.mark.parametrize("name", ["session", "__Host-session"])
def test_a_token_that_was_planted_is_not_the_one_that_signs_in(site, name):
    _, email = sign_up(site)
    planted = "planted" * 6
    for path, cookie in itertools.product(("/login", "/api/auth/login"), (planted, "")):
        headers = {"Cookie": f"{name}={cookie}", **TLS}
        if path == "/login":
            cookies, _ = sign_in(site, email, **headers)
        else:
            cookies = given(site.client().post(path, {"email": email, "password": PASSWORD}, **headers))
        assert planted not in [cookies[each].value for each in cookies]
    assert site.client().get("/api/chat/sessions", Cookie=f"{name}={planted}", **TLS).status == 401


def test_below_a_prefix_it_goes_to_nothing_else_on_the_host(start):
    server = start(prefix=PREFIX)
    email = server.conversation().emails["client"]
    for headers in ({}, TLS):
        cookies, _ = sign_in(server, email, f"{PREFIX}/login", **headers)
        assert {name: cookies[name]["path"] for name in cookies} == {"session": PREFIX}
        assert bool(cookies["session"]["secure"]) is bool(headers)
    token = cookies["session"].value
    gone = given(server.client().post(f"{PREFIX}/api/auth/logout", Cookie=f"session={token}"))
    assert gone["session"]["path"] == PREFIX
    language = server.client().request("POST", f"{PREFIX}/language", "language=fr", **FORM)
    assert given(language)["language"]["path"] == PREFIX
