"""Who a server answers to, and whom it believes: `CHAT_TRUSTED_HOSTS` and `CHAT_PROXIES`."""

import pytest

SERVED = (
    *("chat.example.com", "chat.example.com:8443", "CHAT.example.com", "[::1]", "[::1]:3000"),
    *("a.example.org", "b.a.example.org", "a.example.org:80", "example.org"),
)
REFUSED = (
    *("evil.example", "chat.example.com.evil.example", "xchat.example.com", "evilexample.org", "[::2]"),
    *("127.0.0.1", "localhost", "com", "a.example.org.evil.example:80", ".example.org", ""),
)


def test_a_host_that_is_not_listed_is_refused(start, worker_class):
    server = start(worker_class=worker_class, trusted_hosts="chat.example.com,.example.org,[::1]")
    client = server.person("client")
    for host in SERVED:
        assert client.get("/api/chat/sessions", Host=host).status == 200, host
        assert client.get("/login", Host=host).status == 200, host
    for host in REFUSED:
        for path in ("/api/chat/sessions", "/login", "/healthz", "/nowhere", "/api/chat/ws"):
            answer = client.get(path, Host=host)
            assert (answer.status, answer.json["code"]) == (400, "invalid_request"), (host, path)
        assert client.post("/api/auth/logout", Host=host).status == 400
    # A forwarded host nobody is believed.
    forwarded = {"X_Forwarded_Host": "chat.example.com", "Forwarded": "host=chat.example.com"}
    assert client.get("/login", Host="evil.example", **forwarded).status == 400
    assert client.get("/login", Host="chat.example.com", X_Forwarded_Host="evil.example").status == 200
    assert client.get("/api/chat/sessions", Host="chat.example.com").status == 200


ONE, OTHER, NEAR = "198.51.100.1", "203.0.113.5", "192.0.2.1"


def guess(server, forwarded):
    """The status of a wrong password, at an account that nobody else tries."""
    email = f"nobody{next(numbers)}@example.org"
    return (
        server.client()
        .post("/api/auth/login", {"email": email, "password": "wrong"}, X_Forwarded_For=forwarded)
        .status
    )


numbers = iter(range(10**6))


@pytest.mark.parametrize(("proxies", "counted"), [(1, -1), (2, -2), (3, -3)])
def test_an_address_is_the_one_before_as_many_proxies_as_there_are(start, proxies, counted):
    """What the client wrote itself stands before it, and buys no more attempts."""
    server = start(proxies=proxies, logins_per_minute_per_address=2)
    hops = [OTHER, OTHER, OTHER]
    hops[counted] = ONE
    statuses = [guess(server, ", ".join([f"10.0.0.{n}", *hops])) for n in range(4)]
    assert statuses == [401, 401, 429, 429]
    hops[counted] = NEAR
    assert guess(server, ", ".join(["10.0.0.1", *hops])) == 401


def test_the_header_of_somebody_who_is_no_proxy_is_ignored(start, monkeypatch):
    """This machine, which has no limit, is who asks then."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.7")
    server = start(proxies=2, logins_per_minute_per_address=2)
    assert [guess(server, f"{ONE}, {NEAR}") for _ in range(5)] == [401] * 5
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.7,127.0.0.0/8")
    server = start(proxies=2, logins_per_minute_per_address=2)
    assert [guess(server, f"{ONE}, {NEAR}") for _ in range(4)] == [401, 401, 429, 429]


def test_without_proxies_nobody_is_believed(start):
    server = start(proxies=0, logins_per_minute_per_address=2)
    assert [guess(server, ONE) for _ in range(4)] == [401] * 4
