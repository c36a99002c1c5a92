"""The second step of a sign-in: a code, once, or a recovery code; a must where the operator says so."""

import re
from time import time

import pyotp
import pytest

from chat import store
from tests.pages.house import assert_safe
from tests.pages.visitor import PASSWORD, Visitor, email_of, link_in, log_in
from tests.threads import together


@pytest.fixture
def server(site):
    return site


class Phone:
    """An authenticator: the code of now, and then the next, which is taken already: clocks differ."""

    def __init__(self, key):
        self._totp, self._last = pyotp.TOTP(key), int(time()) // 30 - 1

    def code(self):
        self._last += 1
        return self._totp.generate_otp(self._last)


def begin(visitor, password=PASSWORD):
    return visitor.fill("/profile/second-step", "/profile/second-step", password=password)


def key_on(page):
    return re.search(r"<code data-copied>([A-Z2-7]{32})</code>", page.body.decode())[1]


def codes_on(page):
    return re.findall(r"<code>([0-9a-f-]{19})</code>", page.body.decode())


def step_on(page):
    return page.form("/login/code")["step"]


@pytest.fixture
def guarded(server, agent):
    """An agent who has set it up: (email, phone, recovery codes)."""
    visitor = Visitor(server, agent)
    page = begin(visitor)
    phone = Phone(key_on(page))
    done = visitor.fill(page, "/profile/second-step/confirm", code=phone.code())
    return email_of(server, agent), phone, codes_on(done)


def api(server, email, code=None, password=PASSWORD):
    content = {"email": email, "password": password} | ({} if code is None else {"code": code})
    return server.client().post("/api/auth/login", content)


def test_it_is_set_up_on_the_profile_with_a_picture_and_a_key(server, agent):
    visitor, email = Visitor(server, agent), email_of(server, agent)
    page = begin(visitor)
    assert_safe(page)
    assert [tag for tag, _ in page.read.tags if tag == "svg" or tag == "path"].count("svg") >= 1
    key = key_on(page)
    wrong = visitor.fill(page, "/profile/second-step/confirm", code="000000")
    assert (wrong.status, key_on(wrong)) == (401, key)
    assert wrong.alert == "The code is wrong, or was used before; wait for the next one."
    assert log_in(server, email)[1].location == "/inbox"
    done = visitor.fill(wrong, "/profile/second-step/confirm", code=Phone(key).code())
    codes = codes_on(done)
    assert len(set(codes)) == 10
    shown = visitor.open("/profile/second-step")
    assert "10 recovery codes are left." in shown.text
    for page in (shown, visitor.open("/profile")):
        assert key not in page.body.decode() and codes[0] not in page.body.decode()
    stored = server.database.read(
        lambda db: str([*map(dict, db.conn.execute("SELECT * FROM recovery_codes"))])
    )
    assert not [code for code in codes if code in stored]


def test_a_stolen_sign_in_sets_nothing_up_and_ends_when_the_owner_does(server, agent):
    email = email_of(server, agent)
    visitor, stolen = log_in(server, email)[0], Visitor(server, agent)
    refused = begin(stolen, "wrong horse")
    assert (refused.status, refused.alert) == (401, "The email or the password is wrong.")
    held = agent.await_inbox(agent.inbox().json["cursor"])
    page = begin(visitor)
    visitor.fill(page, "/profile/second-step/confirm", code=Phone(key_on(page)).code())
    assert stolen.request("GET", "/profile").status == 303
    assert held.result().status == 401
    assert visitor.request("GET", "/profile").status == 200


def test_signing_in_asks_for_the_code_after_the_password(server, guarded):
    email, phone, _ = guarded
    visitor, page = log_in(server, email, next="/replies")
    assert (page.status, visitor.token) == (200, None)
    assert log_in(server, email, "wrong horse")[1].status == 401
    wrong = visitor.fill(page, "/login/code", code="000000")
    assert (wrong.status, visitor.token) == (401, None)
    inside = visitor.fill(wrong, "/login/code", code=phone.code())
    assert inside.path == "/replies"
    assert visitor.request("GET", "/profile").status == 200


def test_the_api_takes_the_code_beside_the_password(server, guarded):
    email, phone, _ = guarded
    for code, expected in ((None, "code_needed"), ("000000", "code_wrong"), ("", "code_wrong")):
        refused = api(server, email, code)
        assert (refused.status, refused.json["code"]) == (401, expected)
    assert api(server, email, "1", "wrong horse").json["code"] == "invalid_credentials"
    code = phone.code()
    answer = api(server, email, f" {code[:3]} {code[3:]} ")
    assert answer.status == 200
    assert server.client(answer.json["token"]).inbox().status == 200


def test_a_code_is_good_once_and_no_earlier_one_after_it(server, guarded):
    email, phone, _ = guarded
    code = phone.code()
    with together(server) as threads:
        tried = [threads.submit(lambda: api(server, email, code).status) for _ in range(4)]
    assert sorted(each.result() for each in tried) == [200, 401, 401, 401]


def test_no_code_is_taken_that_is_older_than_one_that_was_used(server, guarded):
    email, phone, _ = guarded
    ahead = int(time()) // 30 + 2
    row = server.database.read(lambda db: store.users.by_email(db, email))
    server.database.write(lambda db: store.users.update(db, row["id"], totp_step=ahead))
    assert api(server, email, phone.code()).json["code"] == "code_wrong"


def test_a_recovery_code_is_good_once(server, guarded):
    email, _, codes = guarded
    assert api(server, email, codes[0].upper()).status == 200
    assert api(server, email, codes[0]).status == 401
    visitor, page = log_in(server, email)
    visitor.fill(page, "/login/code", code=codes[1])
    assert "8 recovery codes are left." in visitor.open("/profile/second-step").text
    other = server.person("agent")
    second = Visitor(server, other)
    page = begin(second)
    second.fill(page, "/profile/second-step/confirm", code=Phone(key_on(page)).code())
    assert api(server, email_of(server, other), codes[2]).status == 401


def test_it_is_turned_off_with_the_password_and_a_code(server, guarded):
    email, _, codes = guarded
    visitor, page = log_in(server, email)
    visitor.fill(page, "/login/code", code=codes[0])
    place = "/profile/second-step/off"
    for password, code in (("wrong horse", codes[1]), (PASSWORD, "000000")):
        refused = visitor.fill("/profile/second-step", place, password=password, code=code)
        assert refused.status == 401
        assert api(server, email).json["code"] == "code_needed"
    assert "Off:" in visitor.fill("/profile/second-step", place, password=PASSWORD, code=codes[1]).text
    assert api(server, email).status == 200


def test_guessing_codes_is_limited_by_account_from_everywhere_and_no_setting_lifts_it(start, run):
    server = start(logins_per_minute=0, logins_per_minute_per_address=0, proxies=1)
    agent = server.person("agent")
    visitor, email = Visitor(server, agent), email_of(server, agent)
    page = begin(visitor)
    codes = codes_on(visitor.fill(page, "/profile/second-step/confirm", code=Phone(key_on(page)).code()))
    content = {"email": email, "password": PASSWORD}

    def guess(number, code="000000"):
        return server.client().post(
            "/api/auth/login", {**content, "code": code}, X_Forwarded_For=f"203.0.113.{number}"
        )

    assert [guess(number).status for number in range(11)] == [401] * 10 + [429]
    refused = guess(99, codes[0])
    assert (refused.status, 0 < int(refused.headers["Retry-After"]) <= 600) == (429, True)
    assert f"A wrong code at the second step of user {agent.id}, from '203.0.113.9'" in server.log
    # Others are not locked out, and nobody is by who does not know the password.
    assert api(server, email_of(server, server.person("agent"))).status == 200
    assert api(server, email, "000000", "wrong horse").json["code"] == "invalid_credentials"
    # The wait is for one more.
    server.advance(601)
    assert [guess(number).status for number in range(2)] == [401, 429]
    server.advance(601)
    assert guess(1, codes[0]).status == 200
    # Whom somebody helps begins anew.
    assert [guess(number).status for number in range(2)] == [401, 429]
    run(server, "users", "reset-code", email)
    page = begin(visitor)
    assert codes_on(visitor.fill(page, "/profile/second-step/confirm", code=Phone(key_on(page)).code()))


def test_no_name_that_is_typed_locks_a_second_step(server, agent, guarded):
    email, phone, _ = guarded
    tried = [api(server, f"second step of {agent.id}", password="wrong horse").status for _ in range(11)]
    assert tried == [401] * 10 + [429]
    assert api(server, email, phone.code()).status == 200


def test_an_administrator_or_the_console_resets_it(server, guarded, run):
    email, _, codes = guarded
    admin = server.person("admin")
    office = Visitor(server, admin)
    person = server.database.read(lambda db: store.users.by_email(db, email))
    place, begun = f"/admin/people/{person['id']}", log_in(server, email)
    office.fill(place, f"{place}/reset-code")
    assert api(server, email).status == 200
    assert f"{place}/reset-code" not in [each["action"] for each in office.open(place).posts]
    # What was begun before is over: there is no key whose code could be asked for.
    late = begun[0].fill(begun[1], "/login/code", code="000000")
    assert late.path.startswith("/login?") and begun[0].token is None
    acts = admin.get(f"/api/chat/audit?kind=totp_reset&userId={person['id']}").json["entries"]
    assert [each["actor"]["id"] for each in acts] == [admin.id]
    visitor = Visitor(server, server.client(api(server, email).json["token"]))
    page = begin(visitor)
    visitor.fill(page, "/profile/second-step/confirm", code=Phone(key_on(page)).code())
    assert api(server, email, codes[1]).status == 401
    run(server, "users", "reset-code", email)
    assert api(server, email).status == 200


def test_where_it_is_a_must_nobody_gets_in_before_it_is_set_up(start):
    server = start(totp="admins")
    admin, agent = server.person("admin", "Root"), server.person("agent")
    email = email_of(server, admin)
    refused = api(server, email)
    assert (refused.status, refused.json["code"]) == (403, "second_step_required")
    assert api(server, email_of(server, agent)).status == 200
    # Tokens that there are go on.
    assert admin.get("/api/chat/audit").status == 200
    visitor, page = log_in(server, email)
    phone = Phone(key_on(page))
    wrong = visitor.fill(page, "/login/code", code="000000")
    assert (wrong.status, visitor.token, key_on(wrong)) == (401, None, key_on(page))
    codes = codes_on(visitor.fill(page, "/login/code", code=phone.code()))
    assert len(codes) == 10
    assert visitor.request("GET", "/admin/audit").status == 200
    # The form that set it up does it once.
    assert Visitor(server).post("/login/code", step=step_on(page), code=phone.code()).status == 303
    refused = visitor.post("/profile/second-step/off", password=PASSWORD, code=codes[0])
    assert refused.status == 403
    again, page = log_in(server, email)
    assert again.fill(page, "/login/code", code=codes[0]).path == "/admin/statistics"
    kinds = [each["kind"] for each in server.client(again.token).get("/api/chat/audit").json["entries"]]
    assert kinds[:4] == ["signed_in", "signed_in", "totp_on", "code_failed"]
    # A link for a new password is no way around it.
    office, place = Visitor(server, server.person("admin")), f"/admin/people/{admin.id}"
    link = link_in(office.fill(place, f"{place}/reset"))
    newcomer = Visitor(server)
    page = newcomer.post(link, password="another horse")
    assert (page.status, newcomer.token) == (200, None)
    assert step_on(page)


def test_a_step_that_was_begun_too_long_ago_begins_again(start):
    server = start()
    agent = server.person("agent")
    visitor, email = Visitor(server, agent), email_of(server, agent)
    page = begin(visitor)
    codes = codes_on(visitor.fill(page, "/profile/second-step/confirm", code=Phone(key_on(page)).code()))
    late, page = log_in(server, email)
    server.advance(601)
    shown = late.fill(page, "/login/code", code=codes[0])
    assert (shown.path.partition("?")[0], late.token) == ("/login", None)
    assert "That took too long." in shown.text
    assert api(server, email, codes[0]).status == 200


def test_what_was_begun_ends_with_its_use_and_with_the_password(server, agent, guarded):
    email, _, codes = guarded
    first, (other, page), (late, later) = Visitor(server), log_in(server, email), log_in(server, email)
    assert late.fill(later, "/login/code", code=codes[0]).path == "/inbox"
    for step in (step_on(later), step_on(page)):
        assert first.post("/login/code", step=step, code=codes[1]).location.startswith("/login?")
    other, page = log_in(server, email)
    changed = late.post("/profile/password", password=PASSWORD, new_password="another horse")
    assert changed.status == 303
    assert other.post("/login/code", step=step_on(page), code=codes[1]).location.startswith("/login?")
    assert other.token is None
    begun = [log_in(server, email, "another horse")[1] for _ in range(11)]
    assert first.post("/login/code", step=step_on(begun[0]), code="000000").status == 303
    assert first.post("/login/code", step=step_on(begun[1]), code=codes[1]).location == "/inbox"


def test_it_is_for_who_works_here(server, client, agent):
    assert Visitor(server, client).open("/profile/second-step").status == 403
    assert "Second step" not in Visitor(server, client).open("/profile").text
    # Nobody sets up another's.
    mine, other = Visitor(server, agent), Visitor(server, server.person("agent"))
    page = begin(mine)
    code = Phone(key_on(page)).code()
    fields = page.form("/profile/second-step/confirm")
    assert other.post("/profile/second-step/confirm", step=fields["step"], code=code).status == 303
    assert "Off:" in other.open("/profile/second-step").text
    assert "Off:" in mine.open("/profile/second-step").text
