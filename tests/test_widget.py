"""A widget on somebody's website: its frame, its guests, and who sees to both."""

import gzip
import json
import re

import pytest

from chat import guests, personal, transitions, widgets
from chat.accounts import DAY_MS
from chat.errors import InvalidParameter
from chat.live.hub import HERE
from chat.retention import Retention
from tests.mail_server import MailServer
from tests.pages.visitor import PASSWORD, Visitor, log_in
from tests.server import PATIENCE_SECONDS
from tests.test_cli import refused
from tests.time_travel import pass_time

SHOP = "https://www.shop.example"
FORM = "application/x-www-form-urlencoded"
FROM = {"X_Forwarded_For": "203.0.113.7"}


@pytest.fixture
def widget(site):
    """One for a shop."""
    return widgets.add(site.runtime, None, "Shop", [SHOP, "http://localhost:8000"])


def come(site, key, name="Camille", **more):
    """The answer to somebody who comes by this key."""
    return site.client().post("/api/auth/guests", {"key": key, "name": name}, **more)


def guest_of(site, widget):
    """One, as they speak to the API."""
    told = come(site, widget["key"]).json
    guest = site.client(told["token"])
    guest.id = told["user"]["id"]
    return guest


def framed(widget, **more):
    return {"Chat_Widget": widget["key"], **more}


def test_a_guest_is_a_client_like_any_other(site, widget):
    answer = come(site, widget["key"])
    assert (answer.status, answer.json["user"]["role"], answer.json["user"]["name"]) == (
        201,
        "client",
        "Camille",
    )
    guest, agent = site.client(answer.json["token"]), site.person("agent", rate_cents=250)
    refused = guest.post("/api/chat/sessions", {"agent_id": agent.id, "max_rate": 2.4})
    assert (refused.status, refused.json["code"]) == (409, "rate_changed")
    asked = guest.ask(agent_id=agent.id, max_rate=2.5, message="Bonjour")["id"]
    assert agent.do("accept", asked).status == 200
    assert guest.fetch(asked).texts == ["Bonjour"]
    assert guest.do("accept", asked).status == 403
    assert guest.get("/api/chat/webhooks").status == 403
    assert (
        agent.post("/api/chat/blocks", {"client_id": answer.json["user"]["id"], "reason": "x"}).status == 200
    )
    guest.do("end", asked)
    assert (
        guest.post("/api/chat/sessions", {"agent_id": agent.id, "max_rate": 2.5}).json["code"]
        == "not_for_client"
    )


def test_only_the_frames_document_may_be_framed_and_by_its_origins_alone(site, widget):
    path = f"/widget/{widget['key']}"
    for headers in ({}, {"Referer": f"{SHOP}/chairs?a=1"}, {"Referer": f"{site.url}/admin"}):
        frame = site.client().get(path, **headers)
        policy = frame.headers["Content-Security-Policy"]
        assert frame.status == 200
        assert policy.endswith(f"frame-ancestors 'self' {SHOP} http://localhost:8000")
        assert "unsafe" not in policy and "default-src 'none'" in policy
        assert "X-Frame-Options" not in frame.headers and "Set-Cookie" not in frame.headers
        assert frame.headers["X-Content-Type-Options"] == "nosniff"
    for referer in (
        "https://shop.example/",
        "https://www.shop.example.evil.example/",
        "http://www.shop.example/",
    ):
        other = site.client().get(path, Referer=referer)
        assert other.status == 403
        assert other.headers["X-Frame-Options"] == "DENY"
    guest = guest_of(site, widget)
    for where in ("/agents", "/sessions", "/keeping", "/widget.js"):
        page = guest.get(where, **framed(widget))
        assert page.status == 200
        assert page.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert site.client().get("/widget/nobodys").status == 404


def test_a_page_takes_a_bearer_from_a_frame_alone_and_no_cookie_there(site, widget):
    guest, client = guest_of(site, widget), site.person("client", "Somebody Else")
    assert guest.get("/sessions").status == 303
    assert guest.get("/sessions", **framed(widget)).status == 200
    assert guest.get("/sessions", Chat_Widget="nobodys").status == 404
    cookie = {"Cookie": f"session={client.token}"}
    assert client.get("/sessions", **cookie).status == 200
    assert client.get("/sessions", **cookie, **framed(widget)).status == 401
    nobody = client.get("/agents", **cookie, **framed(widget))
    assert nobody.status == 200 and b"Somebody Else" not in nobody.body
    assert client.get("/agents").status == 303  # Without a frame nobody is shown them.


def test_the_first_request_makes_the_guest_and_only_from_our_own_page(site, widget):
    agent = site.person("agent", rate_cents=250)
    form = f"agent_id={agent.id}&rate_cents=250&message=Bonjour&name="

    def ask(body, **headers):
        return site.client().request("POST", "/sessions", body, Content_Type=FORM, **headers)

    assert ask(f"{form}Camille").status == 401
    refused = ask(f"{form}Camille", **framed(widget, Origin=SHOP, Sec_Fetch_Site="cross-site"))
    assert (refused.status, refused.headers["Chat-Token"]) == (403, None)
    assert "Chat-Token" not in ask(f"{form}%20", **framed(widget)).headers
    # A rate that is another by now: the guest is there, and the form comes again for them.
    again = ask(form.replace("250", "240") + "Camille", **framed(widget))
    assert again.status == 409 and b'name="name"' not in again.body
    made = ask(f"{form}Camille", **framed(widget))
    assert (made.status, made.body[:0]) == (201, b"")
    guest = site.client(made.headers["Chat-Token"])
    page = guest.get(made.headers["Location"], **framed(widget))
    assert page.status == 200 and b"Bonjour" in page.body and b"data-framed" in page.body
    assert again.headers["Chat-Token"] != made.headers["Chat-Token"]


def test_guests_are_limited_spend_what_they_have_and_are_found_below_a_prefix(start):
    server = start(guests_per_minute=4, guests_per_minute_per_address=2, prepaid=1, prefix="/talk")
    one, other = (widgets.add(server.runtime, None, name, [SHOP]) for name in ("One", "Other"))

    def by(widget, address):
        answer = server.client().post(
            "/talk/api/auth/guests", {"key": widget["key"], "name": "X"}, X_Forwarded_For=address
        )
        assert answer.status == 201 or answer.headers["Retry-After"]
        return answer

    assert [by(one, "203.0.113.7").status for _ in range(3)] == [201, 201, 429]
    assert by(other, "203.0.113.7").status == 429
    assert [by(one, f"203.0.113.{number}").status for number in (8, 9, 10)] == [201, 201, 429]
    guest, agent = server.client(by(other, "203.0.113.11").json["token"]), server.person("agent")
    asked = {"agent_id": agent.id, "max_rate": 2.5}
    assert guest.post("/talk/api/chat/sessions", asked).json["code"] == "insufficient_balance"
    script = server.client().get("/talk/widget.js")
    frame = server.client().get(f"/talk/widget/{one['key']}")
    assert script.status == frame.status == 200
    assert b'data-base="/talk"' in frame.body
    assert re.findall(rb'(?:src|href)="(/(?!talk/)[^"]*)"', frame.body) == []


def test_a_widget_that_is_revoked_lets_nobody_in_and_its_guests_go(site, widget, run):
    guest, agent = guest_of(site, widget), site.person("agent")
    asked = guest.ask(agent_id=agent.id)["id"]
    other = widgets.add(site.runtime, None, "Other", [SHOP])
    stays = guest_of(site, other)
    held = guest.poll(asked, lastMessageId=0)
    assert run(site, "widgets", "revoke", widget["id"]).strip() == f"{widget['id']}: revoked"
    assert held.result(PATIENCE_SECONDS).status == 401
    assert guest.inbox().status == 401
    assert site.client().get(f"/widget/{widget['key']}").status == 404
    assert come(site, widget["key"]).status == 404
    assert stays.inbox().status == 200
    assert "There is nothing here" in refused(site, "widgets", "revoke", widget["id"]).stderr


def test_widgets_are_made_changed_and_listed_by_commands(site, run):
    words = ("widgets", "add", f"{SHOP}/", "HTTPS://Shop.example", "--label", "Shop", "--json")
    made = json.loads(run(site, *words))
    number = made["id"]
    run(site, "widgets", "change", number, "https://other.example", "--label", "Another")
    listed = run(site, "widgets", "list", "--json").splitlines()
    found = next(each for each in map(json.loads, listed) if each["id"] == number)
    assert found == {
        **found,
        **made,
        "label": "Another",
        "origins": "https://other.example",
        "state": "on",
    }
    assert (
        "like https://www.example.org"
        in refused(site, "widgets", "add", "shop.example", "--label", "x").stderr
    )


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "",
            "shop.example",
            "https://",
            "https://shop.example/path",
            "https://*.example",
            "*",
            "ftp://a.example",
        ),
        *("https://a.example; script-src *", "https://a.example 'unsafe-inline'", "https://é.example"),
        *("https://user@a.example", "null", "https://a.example\r\nX: y", "'self'"),
    ],
)
def test_what_is_no_origin_is_in_no_policy(runtime, origin):
    with pytest.raises(InvalidParameter):
        widgets.add(runtime, None, "Shop", [origin])


def test_an_administrator_adds_a_widget_and_copies_its_tag(site):
    admin = Visitor(site, site.person("admin"))
    wrong = admin.fill("/admin/widgets", "/admin/widgets", label="Shop", origins="shop.example")
    assert wrong.alert == "Enter one to twenty addresses that begin with https, without a path."
    assert wrong.form("/admin/widgets")["origins"].strip() == "shop.example"
    page = admin.fill(wrong, "/admin/widgets", label="Shop", origins=f"{SHOP}\r\nhttps://shop.example")
    key = re.search(r'data-key="([^"]+)" async', page.text)[1]
    assert f'<script src="{site.url}/widget.js" data-key="{key}" async></script>' in page.text
    assert site.client().get(f"/widget/{key}", Referer="https://shop.example/").status == 200
    path = page.path.partition("?")[0]
    changed = admin.fill(page, path, origins=SHOP)
    assert changed.form(path)["origins"].strip() == SHOP
    assert site.client().get(f"/widget/{key}", Referer="https://shop.example/").status == 403
    gone = admin.fill(changed, f"{path}/revoke")
    assert "Revoked" in gone.text
    kinds = [each["kind"] for each in admin.person.get("/api/chat/audit").json["entries"]]
    assert {"widget_added", "widget_changed", "widget_revoked"} <= set(kinds)


def test_the_script_of_the_tag_is_small_and_for_everybody_to_load(site):
    script = site.client().get("/widget.js", Accept_Encoding="gzip")
    assert script.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "public" in script.headers["Cache-Control"]
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert len(script.body) < 5000
    code = gzip.decompress(script.body).decode()
    assert code.startswith("{") and "eval" not in code and "innerHTML" not in code


def test_a_guest_who_asked_nothing_is_forgotten_after_a_day(runtime):
    widget = widgets.add(runtime, None, "Shop", [SHOP])
    _, asker = guests.create(runtime, widget["key"], "Asker", "", "en", HERE)
    guests.create(runtime, widget["key"], "Idle", "", "en", HERE)
    transitions.request(runtime, asker, None, "Bonjour", None, 250)
    retention = Retention(runtime)

    def left():
        retention._work()
        return runtime.database.read(
            lambda db: {row["name"] for row in db.conn.execute("SELECT name FROM users")}
        )

    pass_time(runtime.database, DAY_MS / 1000 - 60)
    assert left() == {"Idle", "Asker"}
    pass_time(runtime.database, 120)
    assert left() == {"Asker"}
    told = personal.document(runtime, asker.id, True)["person"]
    assert (told["is_guest"], told["email"]) == (True, f"guest-{asker.id}")


def test_a_guest_has_an_account_by_a_link_to_whoever_has_the_email(start):
    with MailServer() as mails:
        server = start(smtp_url=mails.url(), mail_from="chat@example.org", url="https://chat.example.org")
        widget = widgets.add(server.runtime, None, "Shop", [SHOP])
        told = server.client().post(
            "/api/auth/guests", {"key": widget["key"], "name": "Camille", "email": "Camille@Example.org"}
        )
        guest = server.client(told.json["token"])
        asked = guest.ask(message="Bonjour")["id"]
        # They sign in nowhere by it yet, and get no other mail.
        assert log_in(server, "camille@example.org")[1].status == 401
        mail = mails.next("camille@example.org")
        assert mail.subject == "Keep your conversations"
        path = re.search(r"https://chat\.example\.org(/links/\S+)", str(mail.message))[1]
        page = Visitor(server).open(path)
        assert "camille@example.org" in page.text
        assert Visitor(server).post(path, csrf="", password=PASSWORD).status == 303
        assert guest.inbox().status == 401  # Whoever began it need not be whose email it is.
        signed_in, answer = log_in(server, "camille@example.org")
        assert answer.status == 303
        assert "Bonjour" in signed_in.open(f"/sessions/{asked}").text
        # Somebody else's email is no way to their account.
        rival = server.client(
            server.client()
            .post("/api/auth/guests", {"key": widget["key"], "name": "Rival", "email": "camille@example.org"})
            .json["token"]
        )
        path = re.search(r"example\.org(/links/\S+)", str(mails.next("camille@example.org").message))[1]
        taken = Visitor(server).post(path, csrf="", password="another horse")
        assert (taken.status, rival.inbox().status) == (409, 200)
        assert log_in(server, "camille@example.org")[1].status == 303
