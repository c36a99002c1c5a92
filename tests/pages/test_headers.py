"""What every answer carries."""

from tests.pages.house import PAGES, assert_headers, assert_safe
from tests.pages.visitor import Visitor

OPEN_PAGES = ("/", "/login", "/signup")


def test_every_page_is_safe_and_nobodys_to_keep(people, ids):
    for path, roles in PAGES.items():
        for role in roles:
            page = people[role].request("GET", path.format(**ids))
            assert_headers(page)
            assert_safe(page)
    for path in (*OPEN_PAGES, "/nowhere", "/sessions/x"):
        for visitor in people.values():
            page = visitor.request("GET", path)
            assert page.status < 500
            if page.status != 303:
                assert_headers(page)
                assert_safe(page)
            else:
                assert page.headers["Cache-Control"] == "no-store"


def test_every_file_is_safe(server):
    page = Visitor(server).open("/login")
    files = {
        values.get("src") or values.get("href") for tag, values in page.read.tags if tag in ("script", "link")
    }
    for path in sorted(files):
        answer = Visitor(server).open(path)
        assert answer.status == 200
        assert_headers(answer, is_personal=False)
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/",
        "/static/x.js",
    ):
        assert Visitor(server).request("GET", path).status in (308, 404), path
