"""A phone in a pocket rings: what is pushed, to whom, once, and what of it a push service can read."""

import json
import threading
from dataclasses import replace
from http.client import HTTPException

import pytest

from chat import accounts, notices, store
from chat.providers.exchange import NotPublic, exchange
from chat.runtime import Runtime
from chat.settings import Settings
from tests.pages.visitor import Visitor
from tests.push_service import PushService, decoded, encoded
from tests.server import PASSWORD


@pytest.fixture(scope="module")
def service():
    with PushService() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_was_wrong(service):
    yield
    assert service.problems == []


@pytest.fixture
def talk(site):
    """Of which everything is read."""
    talk = site.conversation()
    read(talk, talk.last_id)
    return talk


def read(talk, message_id):
    read = {"chat_session_id": talk.id, "message_id": message_id}
    assert talk.client.post("/api/chat/read", read).status == 200


def subscribed(who, device):
    """Whether the user still has it: then something can be sent there."""
    return who.post("/api/chat/push/test", {"endpoint": device.endpoint}).status == 200


def look(who, is_looking=True, page="one"):
    assert who.post("/api/chat/looking", {"page": page, "looking": is_looking}).status == 200


def witness(site, service):
    """What is told of what happens now has been told when this returns."""
    talk = site.conversation()
    device = service.device(talk.client)
    talk.agent.send(talk.id, "I am here")
    device.next()


def test_a_request_rings_once_and_is_closed_when_another_agent_takes_it(site, service):
    """Of two workers one tells it, in the language of the reader, as RFC 8030 and those around it want it."""
    agent, other, client = (site.person(*who) for who in (["agent"], ["agent"], ["client", "Ana Sousa"]))
    phone = service.device(agent, Accept_Language="fr")
    asked = client.ask(message="Only for you")["id"]
    rung = phone.upto(asked)[-1]
    assert rung.content == {
        "title": "Ana Sousa",
        "body": "Nouvelle demande",
        "path": f"sessions/{asked}",
        "tag": f"tete-a-tete:{asked}",
        "language": "fr",
        "is_silent": False,
        "is_urgent": True,
        "badge": rung.content["badge"],
    }
    assert rung.content["badge"] >= 1
    assert rung.headers["urgency"] == "high"
    assert 60 < int(rung.headers["ttl"]) <= 120
    assert rung.claims["sub"] == "https://127.0.0.1"
    assert rung.key == agent.get("/api/chat/push").json["public_key"]
    assert other.do("accept", asked).status == 200
    closed = phone.upto(asked)[-1]
    assert (closed.content["tag"], closed.content["is_silent"]) == (rung.content["tag"], True)
    assert closed.content["body"] == "Cette demande n\u2019est plus là."
    assert (closed.headers["topic"], closed.headers["urgency"]) == (rung.headers["topic"], "normal")
    assert closed.size == rung.size
    private, public = site.database.read(store.push.keys)
    assert encoded(private) not in site.log and private.hex() not in site.log
    assert public == rung.key


def test_a_request_rings_for_who_takes_requests_and_may_take_it(site, service):
    client = site.person("client")
    _, busy, resting, blocking = agents = [site.person("agent") for _ in range(4)]
    phones = [service.device(agent) for agent in agents]
    look(busy)
    resting.post("/api/chat/agents/me", {"available": False})
    site.database.write(lambda db: store.blocks.insert(db, client.id, blocking.id, "", store.server.now(db)))
    asked = client.ask()["id"]
    rung = phones[0].upto(asked)[-1]
    # Whoever does not look any more while it waits is told then.
    look(busy, False)
    later = phones[1].upto(asked)[-1]
    # A push service cannot tell that they are about the same.
    assert later.headers["topic"] != rung.headers["topic"]
    client.do("cancel", asked)
    assert [phone.upto(asked)[-1].content["is_silent"] for phone in phones[:2]] == [True, True]
    for agent, phone in ((resting, phones[2]), (blocking, phones[3])):
        assert subscribed(agent, phone)
        assert rung.content["tag"] not in [push.content["tag"] for push in phone.upto("test")]


def test_one_agent_is_asked_and_the_client_hears_of_the_accepting(site, service):
    agent, other, client = (site.person(*who) for who in (["agent", "Dr Anaïs"], ["agent"], ["client"]))
    phone, others, clients = (service.device(who) for who in (agent, other, client))
    asked = client.ask(agent_id=agent.id)["id"]
    assert phone.upto(asked)[-1].content["body"] == "New request"
    agent.do("accept", asked)
    told = clients.next()
    assert (told.content["title"], told.content["body"]) == ("Dr Anaïs", "Your request is accepted")
    assert (told.content["path"], told.headers["urgency"]) == (f"sessions/{asked}", "high")
    assert phone.upto(asked)[-1].content["body"] == "You have accepted it."
    assert subscribed(other, others)
    assert f"tete-a-tete:{asked}" not in [push.content["tag"] for push in others.upto("test")]


def test_a_message_is_told_without_its_words_until_it_is_read(site, service, talk):
    phone = service.device(talk.client)
    talk.agent.send(talk.id, "My secret")
    first = phone.next()
    assert (first.content["body"], first.headers["urgency"]) == ("New message", "normal")
    assert first.content["title"] == talk.client.show(talk.id)["agent"]["name"]
    assert first.content["badge"] == 1
    sent = talk.agent.send(talk.id, "and another one").json["messageId"]
    second = phone.next()
    assert (second.content["body"], second.headers["topic"]) == ("2 new messages", first.headers["topic"])
    read(talk, sent)
    # What is read before it is pushed is not pushed.
    sent = talk.agent.send(talk.id, "read at once").json["messageId"]
    read(talk, sent)
    witness(site, service)
    assert phone.pushes.empty()


def test_nobody_is_pushed_who_looks_on_any_device(site, service, talk):
    phone = service.device(talk.client)
    desk = site.client(accounts.issue_token(site.runtime, client_id(talk)))
    look(desk, page="a")
    look(desk, page="b")
    look(desk, False, page="a")  # The tab before says so late.
    talk.agent.send(talk.id, "You see this")
    witness(site, service)
    assert phone.pushes.empty()
    look(desk, False, page="b")
    talk.agent.send(talk.id, "and not this")
    assert phone.next().content["body"] == "2 new messages"
    # A page that says nothing any more is not believed for long.
    look(desk)
    site.advance(31)
    talk.agent.send(talk.id, "nor this")
    assert phone.next().content["body"] == "3 new messages"


def client_id(talk):
    return talk.client.show(talk.id)["client"]["id"]


def test_what_is_to_be_told_is_looked_at_again_before_it_is_sent(site, service, talk):
    """Words are in it where a setting says so."""
    device, user_id, settings = service.device(talk.client), client_id(talk), site.runtime.settings
    payload = json.dumps({"kind": "message", "chat_session_id": talk.id})

    def note(settings=settings):
        def read(db):
            device_id = store.push.own_id(db, user_id, device.endpoint)
            row = store.push.by_id(db, device_id, store.server.now(db))
            return notices.note(db, settings, row, payload)

        return site.database.read(read)

    assert note() is None
    sent = talk.agent.send(talk.id, "These words").json["messageId"]
    assert note().body == "New message"
    assert note(replace(settings, push_words=True)).body == "These words"
    look(talk.client)
    assert note() is None
    look(talk.client, False)
    assert note() is not None
    read(talk, sent)
    assert note() is None


def test_what_does_not_arrive_is_tried_again_and_a_dead_device_forgotten(site, service, talk):
    phone, client = service.device(talk.client), talk.client
    phone.answers += [(503, {}), (429, {"Retry-After": "200"}), (201, {}), (410, {})]
    talk.agent.send(talk.id, "again and again")
    first = phone.next()
    site.advance(7)
    assert phone.next().content == first.content

    def waits(db):
        query = (
            "SELECT due_at FROM outbox WHERE target = (SELECT id FROM push_subscriptions WHERE endpoint = ?)"
        )
        row = db.conn.execute(query, (phone.endpoint,)).fetchone()
        return row[0] - store.server.now(db)

    await_that(lambda: site.database.read(waits) > 150_000)
    site.advance(201)
    assert phone.next().content == first.content
    assert subscribed(client, phone)
    phone.next()
    await_that(lambda: not subscribed(client, phone))


def test_what_never_arrives_is_given_up_after_a_day(site, service, talk):
    phone = service.device(talk.client)
    phone.answers += [(503, {}), (500, {"Retry-After": "90000"})]
    talk.agent.send(talk.id, "lost")
    phone.next()
    site.advance(7)
    phone.next()
    query = "SELECT count(*) FROM outbox JOIN push_subscriptions p ON target = p.id WHERE endpoint = ?"

    def waiting(db):
        return db.conn.execute(query, (phone.endpoint,)).fetchone()[0]

    await_that(lambda: site.database.read(waiting) == 0)
    assert "Given up a push after 2 attempts: 127.0.0.1 answers 500" in site.log


def await_that(is_so):
    """Ask until it is so; the test's own time is the limit."""
    while not is_so():
        threading.Event().wait(0.01)


def test_a_device_is_told_once_whoever_adds_it_again(site, service, talk):
    device = service.device(talk.client)
    again = talk.client.post("/api/chat/push/subscribe", device.subscription)
    assert (again.status, again.json) == (200, {"success": True})
    # Who knows where it is, and not its keys, gets nothing of it.
    other = site.person("client")
    forged = {**device.subscription, "keys": service.device().subscription["keys"]}
    answer = other.post("/api/chat/push/subscribe", forged)
    assert (answer.status, answer.json["field"]) == (400, "keys")
    assert not subscribed(other, device) and subscribed(talk.client, device)
    assert device.next().content["body"] == "Notifications reach this device."
    # In the same browser somebody else signs in.
    assert other.post("/api/chat/push/subscribe", device.subscription).status == 200
    assert subscribed(other, device) and not subscribed(talk.client, device)
    # A browser has another address for it.
    new = {**service.device().subscription, "replaces": device.endpoint}
    assert talk.client.post("/api/chat/push/subscribe", new).status == 404
    assert other.post("/api/chat/push/subscribe", new).status == 201
    assert not subscribed(other, device)
    admin = site.person("admin")
    assert admin.post("/api/chat/push/subscribe", device.subscription).status == 403
    for _ in range(2):
        assert other.post("/api/chat/push/unsubscribe", {"endpoint": new["endpoint"]}).status == 200
    assert other.post("/api/chat/push/test", {"endpoint": new["endpoint"]}).status == 404


def test_the_newest_ten_devices_are_kept(site, service):
    client = site.person("client")
    devices = [service.device(client) for _ in range(11)]
    assert [subscribed(client, device) for device in devices] == [False] + [True] * 10


def test_a_device_is_forgotten_with_its_sign_in(site, service):
    client = site.person("client")
    tokens = [accounts.issue_token(site.runtime, client.id) for _ in range(2)]
    first, second = (site.client(token) for token in tokens)
    devices = [service.device(who) for who in (client, first, second)]
    assert first.post("/api/auth/logout").status == 200
    assert [subscribed(client, device) for device in devices] == [True, False, True]
    page = Visitor(site, client)
    assert page.post("/profile/password", password=PASSWORD, new_password="another horse").status == 303
    assert [subscribed(client, device) for device in devices] == [True, False, False]
    site.person("admin")
    office = Visitor(site, site.person("admin"))
    assert office.post(f"/admin/people/{client.id}/disable").status == 303
    kept = site.database.read(lambda db: store.push.own_id(db, client.id, devices[0].endpoint))
    assert kept is None


ENDPOINTS = [
    "http://push.example.org/a",
    "https://127.0.0.1/a",
    "https://10.0.0.1/a",
    "https://[::1]/a",
    "https://2130706433/a",
    "https://0x7f.1/a",
    "https://localhost/a",
    "https://intranet/a",
    "https://push.example.org:8443/a",
    "https://user@push.example.org/a",
    "https://push.example.org",
    "https://push.example.org/a b",
    "https://push.example.org/\u00e9",
    "ftp://push.example.org/a",
    "https://push.example.org/" + "a" * 1000,
    "",
]


def test_only_addresses_of_push_services_are_taken(server, service, client):
    device = service.device()
    for endpoint in ENDPOINTS:
        answer = client.post("/api/chat/push/subscribe", {**device.subscription, "endpoint": endpoint})
        assert (answer.status, answer.json["field"]) == (400, "endpoint"), endpoint
    keys = device.subscription["keys"]
    point = decoded(keys["p256dh"])
    for name, value in (
        ("p256dh", encoded(point[:-1])),
        ("p256dh", encoded(point[:-1] + bytes([point[-1] ^ 1]))),
        ("p256dh", encoded(b"\5" + point[1:])),
        ("p256dh", "?" * 87),
        ("auth", encoded(bytes(15))),
        ("auth", encoded(bytes(17))),
        ("auth", ""),
    ):
        wrong = {
            **device.subscription,
            "endpoint": "https://push.example.org/a",
            "keys": {**keys, name: value},
        }
        answer = client.post("/api/chat/push/subscribe", wrong)
        assert (answer.status, answer.json["field"]) == (400, f"keys.{name}"), value
    fine = {**device.subscription, "endpoint": f"https://push.invalid/{device.endpoint[-8:]}"}
    assert client.post("/api/chat/push/subscribe", fine).status == 201


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_a_name_that_leads_to_a_private_address_is_not_followed(service, host):
    """Whatever it led to when it was looked at before."""
    port = service.url.rpartition(":")[2]
    with pytest.raises(NotPublic):
        exchange("POST", f"http://{host}:{port}/push/x", b"", {}, 5, only_public=True)
    if host != "localhost":  # Which may be another address, too.
        return
    with pytest.raises((OSError, HTTPException)):
        exchange("POST", "http://localhost:1/", b"", {}, 5)


def test_each_database_has_a_key_of_its_own(runtime, tmp_path):
    other = Runtime(Settings(database_url=f"sqlite:///{tmp_path}/other.db"))
    other.prepare()
    keys = [each.database.read(store.push.keys) for each in (runtime, other)]
    other.close()
    assert keys[0] != keys[1]
    for private, public in keys:
        assert len(private) == 32 and len(decoded(public)) == 65
