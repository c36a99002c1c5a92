"""Signing up, and the modes in which only an invitation brings somebody in."""

import pytest

from tests.pages.visitor import PASSWORD, Visitor, link_in, log_in, new_email, sign_up


def test_whoever_signs_up_is_signed_in_as_a_client(server):
    client, email = sign_up(server, "  Zoé Visitor ")
    assert "Zoé Visitor" in client.open("/profile").text
    assert email in client.open("/profile").text
    assert client.request("GET", "/").location == "/agents"
    assert client.request("GET", "/login").location == "/agents"


def test_an_email_signs_up_once_and_the_form_keeps_what_was_written(server):
    _, email = sign_up(server)
    page = Visitor(server).fill("/signup", "/signup", name="Twin", email=email.upper(), password=PASSWORD)
    assert page.status == 409
    assert "belongs to an account already" in page.text
    kept = page.form("/signup")
    assert (kept["name"], kept["email"], kept["password"]) == ("Twin", email.upper(), "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 101},
        {"name": "a\0b"},
        {"name": "a\nb"},
        {"email": "nobody"},
        {"email": "a b@example.org"},
        {"email": "a\0@example.org"},
        {"password": "short"},
        {"password": "x" * 1001},
    ],
)
def test_a_wrong_value_is_named_beside_its_field(server, wrong):
    person = {"name": "New", "email": new_email(), "password": PASSWORD, **wrong}
    page = Visitor(server).fill("/signup", "/signup", **person)
    assert page.status == 400
    (name,) = wrong
    marked = [values["name"] for tag, values in page.read.tags if values.get("aria-invalid") == "true"]
    assert marked == [name]


@pytest.mark.parametrize("mode", ["invitation", "closed"])
def test_without_open_sign_up_only_an_invitation_brings_somebody_in(start, mode):
    server = start(sign_up=mode)
    newcomer = Visitor(server)
    for path in ("/", "/login", "/signup"):
        assert not [each for each in newcomer.open(path).posts if each["action"] == "/signup"]
    refused = newcomer.post("/signup", name="New", email="new@example.net", password=PASSWORD)
    assert (refused.status, newcomer.token) == (404, None)
    assert log_in(server, "new@example.net")[1].status == 401
    admin = Visitor(server, server.person("admin"))
    link = link_in(admin.post("/admin/invitations", role="agent"))
    page = newcomer.open(link)
    assert "as an agent" in page.text
    taken = newcomer.post(link, name="New", email="admin1@example.org", password=PASSWORD)
    assert taken.status == 409
    page = newcomer.open(newcomer.post(link, name="New", email="new@example.net", password=PASSWORD).location)
    assert (page.status, page.path) == (200, "/inbox")
    assert Visitor(server).open(link).status == 404
    again = Visitor(server).post(link, name="Other", email="other@example.net", password=PASSWORD)
    assert again.status == 404
