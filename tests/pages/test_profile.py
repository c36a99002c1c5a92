"""The profile: name, language and password."""

from tests.pages.visitor import PASSWORD, log_in, sign_up


def test_a_profile_says_the_language(server):
    client, _ = sign_up(server)
    page = client.fill("/profile", "/profile", language="fr", name="Zoë")
    assert ("html", {"lang": "fr"}) in page.read.tags
    assert page.form("/profile")["name"] == "Zoë"


def test_another_password_ends_the_other_sign_ins(server):
    phone, email = sign_up(server)
    laptop, _ = log_in(server, email)
    for old, new, status in (("wrong horse", "another horse", 401), (PASSWORD, "short", 400)):
        page = phone.fill("/profile", "/profile/password", password=old, new_password=new)
        assert page.status == status
        assert laptop.request("GET", "/profile").status == 200
    page = phone.fill("/profile", "/profile/password", password=PASSWORD, new_password="another horse")
    assert "The password is changed" in page.text
    assert laptop.request("GET", "/profile").status == 303
    assert log_in(server, email)[1].status == 401
    assert log_in(server, email, "another horse")[1].status == 303
