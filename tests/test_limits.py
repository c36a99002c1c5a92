"""Limits per user, per account and per minute."""

from time import monotonic
from urllib.parse import urlencode

import pytest
from argon2.exceptions import VerifyMismatchError

from chat import accounts, store
from chat.limits import TokenBuckets, is_here, network
from tests.pages.visitor import Visitor
from tests.streams import WS
from tests.threads import together

PATIENCE_SECONDS = 10


def test_a_bucket_fills_again():
    buckets = TokenBuckets()
    while not buckets.take({"a": 6000}):
        pass
    deadline = monotonic() + PATIENCE_SECONDS
    while buckets.take({"a": 6000}):
        assert monotonic() < deadline


def test_each_has_a_bucket_of_their_own():
    buckets = TokenBuckets()
    assert [buckets.take({"a": 2}) for _ in range(3)] == [0, 0, 30]
    assert buckets.take({"b": 2}) == 0
    assert {buckets.take({"c": 0}) for _ in range(3)} == {0}


def test_of_several_buckets_one_is_taken_from_each_or_from_none():
    buckets = TokenBuckets()
    both = {"a": 3, "b": 1}
    assert [buckets.take(both), buckets.take(both), buckets.take(both)] == [0, 60, 60]
    assert [buckets.take({"a": 3}) for _ in range(3)] == [0, 0, 20]


def test_one_who_sends_too_much_stops_nobody_else(start):
    server = start(sends_per_minute=3)
    talk = server.conversation()
    answers = [talk.client.send(talk.id, "Allô ?") for _ in range(4)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert answers[3].json["code"] == "too_many_requests"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 20
    assert talk.agent.send(talk.id, "Oui").status == 201


def test_a_send_is_taken_after_as_long_as_was_said(start):
    talk = start(sends_per_minute=30).conversation()
    while (answer := talk.client.send(talk.id, "Allô ?")).status == 201:
        pass
    again_at, began = monotonic() + int(answer.headers["Retry-After"]), 0.0
    while talk.client.send(talk.id, "Allô ?").status != 201:
        assert began < again_at
        began = monotonic()


def test_what_the_address_may_not_costs_the_user_nothing(start):
    server = start(sends_per_minute=3, sends_per_minute_per_address=1)
    talk = server.conversation()
    sent = {"chat_session_id": talk.id, "message": "Allô ?"}

    def send(host):
        return talk.client.post("/api/chat/message", sent, X_Forwarded_For=host)

    answers = [send("192.0.2.7") for _ in range(10)]
    assert [answer.status for answer in answers] == [201] + [429] * 9
    assert 20 < int(answers[-1].headers["Retry-After"]) <= 60
    assert [send(f"192.0.2.{n}").status for n in (8, 9)] == [201] * 2


def test_an_address_sends_so_many_through_every_door_together(start, worker_class):
    """Whoever it is that sends: what came in by one door is refused at the next."""
    server = start(worker_class=worker_class, sends_per_minute_per_address=1)
    talk, other = server.conversation(), server.conversation()
    visitor = Visitor(server, talk.client)

    def by_json(host):
        sent = {"chat_session_id": other.id, "message": "Allô ?"}
        return other.client.post("/api/chat/message", sent, X_Forwarded_For=host)

    def by_form(host):
        here = f"/sessions/{talk.id}"
        sent = {**visitor.open(here).form(f"{here}/messages"), "message": "Allô ?"}
        return visitor.post(f"{here}/messages", sent, headers={"X_Forwarded_For": host})

    def by_socket(host):
        with WS(talk.agent, f"/api/chat/ws/{talk.id}", X_Forwarded_For=host) as ws:
            return ws.ask("send", message="Allô ?")

    assert by_socket("2001:db8:0:1::1").name == "done"
    page = by_form("2001:db8:0:1:ffff::2")
    assert (page.status, page.alert) == (429, "Too many attempts; wait a while.")
    assert by_form("2001:db8:0:2::1").status == 303
    refused = by_json("2001:db8:0:2:ffff::2")
    assert (refused.status, refused.json["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert by_json("2001:db8:0:3::1").status == 201
    problem = by_socket("2001:db8:0:3:ffff::2")
    assert (problem.name, problem.data["code"]) == ("problem", "too_many_requests")
    assert 1 <= problem.data["retry_after"] <= 60
    # This machine is no address.
    assert {talk.agent.send(talk.id, "D'ici").status for _ in range(5)} == {201}


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_whom_an_address_is_counted_as(address, counted):
    assert network(address) == counted


def test_this_machine_is_no_address_of_somebody():
    assert all(map(is_here, ("127.0.0.1", "127.8.9.1:80", "::1", "[::1]:80", "::ffff:127.0.0.1", "")))
    assert not any(map(is_here, ("192.0.2.7", "::2", "10.0.0.1", "unknown")))


def sign_in(server, email, password="wrong horse", of="198.51.100.1"):
    """An attempt, through a proxy."""
    return server.client().post("/api/auth/login", {"email": email, "password": password}, X_Forwarded_For=of)


def test_who_has_no_account_is_compared_with_a_hash_that_takes_as_long():
    assert not accounts._hasher.check_needs_rehash(accounts._NO_ACCOUNT)
    with pytest.raises(VerifyMismatchError):
        accounts._hasher.verify(accounts._NO_ACCOUNT, "")


def test_guessing_from_anywhere_locks_nobody_out(start):
    """Whichever of the two workers it comes to."""
    server = start(workers=2, logins_per_minute=2)
    talk = server.conversation()
    email = talk.emails["client"]
    answers = [sign_in(server, email) for _ in range(4)]
    assert [answer.status for answer in answers] == [401] * 2 + [429] * 2
    assert answers[-1].json["code"] == "too_many_requests"
    assert 3 < int(answers[2].headers["Retry-After"]) <= 30
    # Not the right password either, from there; but from elsewhere, and at another account.
    assert sign_in(server, email, "correct horse").status == 429
    assert sign_in(server, email, "correct horse", of="203.0.113.5").status == 200
    assert sign_in(server, talk.emails["agent"], "correct horse").status == 200
    server.advance(31)
    assert sign_in(server, email, "correct horse").status == 200


def test_an_address_is_limited_at_all_accounts_together_known_or_not(start):
    server = start(workers=2, logins_per_minute_per_address=3)
    talk = server.conversation()
    one, same = "2001:db8:0:7::1", "2001:db8:0:7:ffff::9"
    answers = [sign_in(server, f"nobody{n}@example.org", of=(one, same)[n % 2]) for n in range(5)]
    assert [answer.status for answer in answers] == [401] * 3 + [429] * 2
    assert sign_in(server, talk.emails["client"], "correct horse", of=same).status == 429
    assert sign_in(server, talk.emails["client"], "correct horse", of="2001:db8:0:8::1").status == 200
    form = {"name": "x", "password": "correct horse"}
    for path, values in (("/signup", form), ("/setup", {**form, "code": "x"})):
        body = urlencode({**values, "email": "new@example.org"})
        kind = {"Content_Type": "application/x-www-form-urlencoded", "X_Forwarded_For": one}
        answer = server.client().request("POST", path, body, **kind)
        assert (answer.status, bool(answer.headers["Retry-After"])) == (429, True), path
    # What was refused is not counted; what is good again may have been forgotten meanwhile.
    assert store_count(server) <= 6
    assert not server.database.read(lambda db: store.users.by_email(db, "new@example.org"))


def store_count(server):
    """The attempts that the database still knows of."""
    return server.database.read(lambda db: db.conn.execute("SELECT count(*) FROM attempts").fetchone()[0])


def test_what_succeeds_does_not_count_and_what_is_over_is_forgotten(start):
    server = start(logins_per_minute=2, logins_per_minute_per_address=2)
    talk = server.conversation()
    email = talk.emails["client"]
    assert {sign_in(server, email, "correct horse").status for _ in range(5)} == {200}
    for n in range(3):
        sign_in(server, f"nobody{n}@example.org", of=f"198.51.100.{n + 2}")
    server.advance(61)
    sign_in(server, email)
    assert store_count(server) == 2


def test_attempts_at_once_are_counted_one_by_one(start, worker_class):
    server = start(worker_class=worker_class, workers=2, logins_per_minute=2)
    email = server.conversation().emails["client"]
    with together(server) as threads:
        statuses = threads.map(lambda _: sign_in(server, email).status, range(20))
    assert sorted(statuses) == [401] * 2 + [429] * 18


def test_a_stolen_sign_in_does_not_guess_the_password(start):
    server = start(logins_per_minute=3)
    visitor = Visitor(server, server.person("client"))
    guess = {"password": "wrong horse", "new_password": "another horse"}
    assert [visitor.post("/profile/password", guess).status for _ in range(4)] == [401] * 3 + [429]
