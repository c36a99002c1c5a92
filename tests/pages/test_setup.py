"""The page on which the first visitor sets the server up."""

import re

from tests.pages.visitor import PASSWORD, Visitor


def test_the_first_visitor_sets_the_server_up_once(start, run):
    server = start(workers=2)
    admin = Visitor(server)
    page = admin.open("/")
    assert (page.status, page.path) == (200, "/setup")
    server.wait_until(lambda workers: len(workers) == 2)
    (code,) = re.findall(r"/setup\?code=(\w+)$", run(server, "set-up").strip())
    assert code == server.database.read(
        lambda db: db.conn.execute("SELECT setup_code FROM server").fetchone()[0]
    )
    person = {"name": "Root", "email": "root@example.org", "password": PASSWORD}
    for wrong in ("", "0" * 16, code[:-1], f"{code}é"):
        page = admin.post("/setup", **person, code=wrong)
        assert (page.status, admin.token) == (400, None)
        assert page.form("/setup")["email"] == "root@example.org"
    assert admin.open(f"/setup?code={code}").form("/setup")["code"] == code
    page = admin.fill(f"/setup?code={code}", "/setup", **person)
    assert (page.status, page.path) == (200, "/admin/statistics")
    assert "Nothing in this period yet" not in page.text
    assert "First steps 0 of 7 done" in page.text
    run(server, "backup")
    page = admin.open("/admin/statistics")
    assert "First steps 1 of 7 done" in page.text
    page = admin.fill(page, "/admin/steps")
    assert "First steps" not in page.text and "No conversation in this period yet" in page.text
    for path in ("/admin/statistics?days=366", "/admin/sessions", "/admin/people"):
        assert admin.open(path).status == 200
    outsider = Visitor(server)
    assert outsider.open("/setup").status == outsider.open(f"/setup?code={code}").status == 404
    again = outsider.post("/setup", {**person, "name": "Other", "email": "other@example.org"}, code=code)
    assert (again.status, outsider.token, again.posts[0]["action"]) == (404, None, "/language")
    assert outsider.open("/").path == "/"
    assert code not in server.log and "`tete-a-tete set-up`" in server.log
