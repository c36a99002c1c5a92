"""The links that an administrator hands on, to a new password or an account."""

from tests.pages.visitor import PASSWORD, Visitor, link_in, log_in, page_of, sign_up


def test_a_reset_link_works_once_and_ends_the_sign_ins_of_its_user_only(server, admin):
    client, email = sign_up(server)
    other, _ = sign_up(server)
    found = page_of(admin, email)
    older = link_in(admin.fill(found, f"{found}/reset"))
    link = link_in(admin.fill(found, f"{found}/reset"))
    assert Visitor(server).open(older).status == 404
    visitor = Visitor(server)
    page = visitor.open(link)
    assert email in page.text
    assert visitor.post(link, password="short").status == 400
    assert client.request("GET", "/profile").status == 200
    answer = visitor.post(link, password="another horse")
    assert (answer.status, answer.location) == (303, "/agents")
    assert client.request("GET", "/profile").status == 303
    assert other.request("GET", "/profile").status == admin.request("GET", "/profile").status == 200
    assert Visitor(server).open(link).status == 404
    assert Visitor(server).post(link, password="a third horse").status == 404
    assert log_in(server, email)[1].status == 401
    assert log_in(server, email, "another horse")[1].status == 303


def test_links_expire_after_a_week(start):
    server = start()
    admin = Visitor(server, server.person("admin"))
    client = server.person("client")
    page = f"/admin/people/{client.id}"
    links = [
        link_in(admin.post("/admin/invitations", role="client")),
        link_in(admin.fill(page, f"{page}/reset")),
    ]
    server.advance(7 * 86_400 - 60)
    assert [Visitor(server).open(link).status for link in links] == [200, 200]
    server.advance(120)
    assert [Visitor(server).open(link).status for link in links] == [404, 404]
    late = Visitor(server).post(links[0], name="Late", email="late@example.net", password=PASSWORD)
    assert late.status == 404
    assert log_in(server, "late@example.net")[1].status == 401
