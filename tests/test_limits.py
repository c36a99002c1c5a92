"""Limits per user, per account and per minute."""

from time import monotonic

from chat.limits import TokenBuckets

PATIENCE_SECONDS = 10


def test_a_bucket_fills_again():
    buckets = TokenBuckets(6000)
    while buckets.take("a"):
        pass
    deadline = monotonic() + PATIENCE_SECONDS
    while not buckets.take("a"):
        assert monotonic() < deadline


def test_each_has_a_bucket_of_their_own():
    buckets = TokenBuckets(2)
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    assert buckets.take("b")


def test_one_who_sends_too_much_stops_nobody_else(start):
    server = start(sends_per_minute=3)
    talk = server.conversation()
    answers = [talk.client.send(talk.id, "Allô ?") for _ in range(4)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429]
    assert (answers[3].json["code"], answers[3].headers["Retry-After"]) == ("too_many_requests", "3")
    assert talk.agent.send(talk.id, "Oui").status == 201


def test_one_account_that_is_guessed_at_locks_nobody_else_out(start):
    server = start(logins_per_minute=3)
    talk = server.conversation()
    guess = {"email": talk.emails["client"], "password": "wrong horse"}
    answers = [server.client().post("/api/auth/login", guess) for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 401, 429]
    other = {"email": talk.emails["agent"], "password": "correct horse"}
    assert server.client().post("/api/auth/login", other).status == 200
