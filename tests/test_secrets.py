"""What must not be read where others look: logs, and what a browser tells the next page."""

import re
from urllib.parse import quote, urlencode

from tests.pages.visitor import PASSWORD, Visitor, new_email

FORM = {"Content_Type": "application/x-www-form-urlencoded"}


def test_the_access_log_has_no_secret_and_one_line_for_a_request(start, run):
    server = start(workers=2, access_log=1)
    code = run(server, "set-up").strip().rpartition("=")[2]
    admin = Visitor(server, server.person("admin"))
    page = admin.post("/admin/invitations", role="client")
    token = re.search(r"/links/([\w-]{32})", page.body.decode())[1]
    guest, before = Visitor(server), len(server.log.splitlines())
    paths = [
        f"/setup?code={code}",
        f"/links/{token}",
        f"/links/{token}?x=1",
        f"/%6cinks/{token}",
        f"/links/%{ord(token[0]):x}{token[1:]}",
        f"/login?next={quote(f'/links/{token}', safe='')}",
        f"/login?next=/setup?c%6fde={code}",
    ]
    for path in paths:
        guest.request("GET", path, Referer=f"{server.url}{path}")
    guest.request("GET", "/login?x=%0a127.0.0.1%20forged%1b")
    email = new_email()
    form = urlencode({"name": "Guest", "email": email, "password": PASSWORD})
    answer = guest.request("POST", f"/links/{token}", form, Referer=f"{server.url}/links/{token}", **FORM)
    assert answer.status == 303
    server.stop()  # A line is written after its answer.
    asked = [
        line for line in server.log.splitlines()[before:] if re.search(r'"(GET|POST) /.* HTTP/1.1" ', line)
    ]
    assert len(asked) >= len(paths) + 2
    assert not [line for line in server.log.splitlines() if line.startswith("127.0.0.1 forged")]
    for secret in (code, token, token[1:], PASSWORD, guest.token, admin.token):
        assert secret not in server.log
    assert server.log.isprintable() or set(re.findall(r"[^ -~]", server.log)) == {"\n"}
    assert "/links/... HTTP/1.1" in server.log and "/setup?code=... HTTP/1.1" in server.log


def test_a_page_with_a_secret_address_tells_it_to_no_other(site):
    admin = Visitor(site, site.person("admin"))
    link = re.search(r"/links/[\w-]{32}", admin.post("/admin/invitations", role="client").body.decode())[0]
    guest = Visitor(site)
    page = guest.open(link)
    assert (page.status, page.headers["Referrer-Policy"]) == (200, "strict-origin")
    wrong = guest.request("POST", link, urlencode({"name": "", "password": "x"}), **FORM)
    assert (wrong.status, wrong.headers["Referrer-Policy"]) == (400, "strict-origin")
    assert guest.open("/login").headers["Referrer-Policy"] == "same-origin"
    # With that policy a browser still says where the form comes from, as it must.
    form = urlencode({"name": "Guest", "email": new_email(), "password": PASSWORD})
    assert guest.request("POST", link, form, Origin=site.url, **FORM).status == 303


def test_an_error_in_a_path_with_lines_has_one_line(start):
    server = start(access_log=1)
    server.client().get("/api/%0a%0dforged")
    assert not [line for line in server.log.splitlines() if line.startswith("forged")]
