"""Other programs hear what happens: each event once, in order, signed, whoever fails, hangs or is killed."""

import json
import os
import re
import subprocess
from base64 import b64encode
from time import time

import pytest

from chat import messages, payloads, store, webhooks
from chat.accounts import User
from chat.demo import pairs
from tests.server import PATIENCE_SECONDS, ROOT, Server, await_that, password_hash
from tests.webhook_receiver import Receiver

DAY_SECONDS = 86_400
# What a conversation of two messages tells that is paused once.
STORY = [
    "session.created",
    "message.created",
    "session.accepted",
    "message.created",
    "session.paused",
    "session.resumed",
    "session.ended",
    "receipt.issued",
]


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_was_wrong(receiver):
    yield
    assert receiver.problems == []


@pytest.fixture
def admin(site):
    return site.person("admin")


@pytest.fixture
def add(site, receiver, admin):
    """Add a webhook, which is removed when the test ends."""
    made = []

    def add_one(who=admin, events=webhooks.EVENTS, **more):
        hook = receiver.hook()
        asked = {"label": "Books", "url": hook.url, "events": list(events), **more}
        answer = who.post("/api/chat/webhooks", asked)
        assert answer.status == 201, answer.body
        hook.secrets.append(answer.json["secret"])
        hook.id = answer.json["webhook"]["id"]
        made.append((who, hook.id))
        return hook

    yield add_one
    for who, hook_id in made:
        if who is admin:
            who.post(f"/api/chat/webhooks/{hook_id}/delete")


def shown(who, hook):
    found = who.get("/api/chat/webhooks").json["webhooks"]
    return next(each for each in found if each["id"] == hook.id)


def listed(who, hook):
    answer = who.get(f"/api/chat/webhooks/{hook.id}/deliveries")
    return answer.json["deliveries"]


def rows(where, sql):
    return where.database.read(lambda db: [tuple(row) for row in db.conn.execute(sql).fetchall()])


def about(event, chat_session_id):
    """Whether an event is about this session."""
    return event.data.get("chat_session_id", event.data.get("id")) == chat_session_id


def talk_through(site):
    """A whole conversation: (its id, the ids of its messages)."""
    client, agent = site.person("client"), site.person("agent")
    asked = client.ask(agent_id=agent.id, message="Do you have a minute?")["id"]
    assert agent.do("accept", asked).status == 200
    sent = agent.send(asked, "Secret words").json["messageId"]
    assert client.do("pause", asked).status == 200
    assert client.do("resume", asked).status == 200
    assert client.do("end", asked).status == 200
    return asked, [sent - 1, sent]


def test_a_receiver_that_fails_three_times_gets_each_event_once_in_order_and_signed(site, admin, add):
    """Of two workers one tells it."""
    hook = add()
    hook.answers += [500, 429, (302, {"Location": hook.url})]
    talk_id, message_ids = talk_through(site)
    failed = []
    for attempt, seconds in enumerate((7, 13, 25), 1):
        failed.append(hook.next())
        await_that(lambda attempt=attempt: listed(admin, hook)[-1]["attempts"] == attempt)
        site.advance(seconds)
    events = hook.until("receipt.issued", chat_session_id=talk_id)
    assert [each.status for each in failed] == [500, 429, 302]
    assert {each.id for each in failed} == {events[0].id}
    assert len({each.id for each in events}) == len(events)
    told = [each for each in events if about(each, talk_id)]
    assert [each.type for each in told] == STORY
    assert [each.data["id"] for each in told if each.type == "message.created"] == message_ids
    created, first, accepted, _, paused, resumed, ended, receipt = told
    assert created.data["status"] == "waiting" and accepted.data["status"] == "active"
    assert paused.data["pause_reason"] == "paused_by_client" and resumed.data["pause_reason"] is None
    assert (ended.data["status"], ended.data["end_reason"]) == ("ended", "ended_by_client")
    assert first.data == {
        "id": message_ids[0],
        "chat_session_id": talk_id,
        "sender_type": "client",
        "sender_id": created.data["client_id"],
    }
    assert receipt.data["client_id"] == created.data["client_id"]
    assert receipt.data["agent_id"] == accepted.data["agent_id"]
    assert created.timestamp <= first.timestamp <= accepted.timestamp


def test_a_receipt_and_a_credit_are_told_in_numbers(site, admin, add):
    talk = site.conversation()
    talk.agent.send(talk.id, "The clock runs")
    site.advance(61)
    hook = add(events=["receipt.issued", "receipt.credited"])
    talk.client.do("end", talk.id)
    issued = hook.until("receipt.issued", chat_session_id=talk.id)[-1]
    receipt = talk.client.get(f"/api/chat/sessions/{talk.id}/receipt").json
    assert issued.data["total"] == receipt["total_cost"] > 0
    assert (issued.data["number"], issued.data["hash"]) == (receipt["number"], receipt["hash"])
    credit = {"amount": issued.data["total"], "reason": "Goodwill"}
    assert admin.pay(f"/api/chat/sessions/{talk.id}/receipt/credits", credit).status == 201
    credited = hook.until("receipt.credited", chat_session_id=talk.id)[-1]
    assert (credited.data["receipt"], credited.data["total"]) == (receipt["number"], issued.data["total"])
    assert "Goodwill" not in json.dumps(credited.data)


def test_a_receiver_that_hangs_does_not_delay_another(site, admin, add):
    slow, fast = add(events=["message.created"]), add(events=["message.created"])
    slow.free.clear()
    talk = site.conversation()
    sent = [talk.agent.send(talk.id, "Are you there?").json["messageId"]]
    slow.begun.get(timeout=PATIENCE_SECONDS)
    fast.until("message.created", id=sent[0])
    # Its first attempt is still under way.
    assert listed(admin, slow)[-1]["attempts"] == 0
    for number in range(5):
        sent.append(talk.client.send(talk.id, f"Yes {number}").json["messageId"])
        fast.until("message.created", id=sent[-1])
    assert slow.events.empty()
    slow.free.set()
    events = {each.id: each for each in slow.until("message.created", id=sent[-1]) if about(each, talk.id)}
    assert [each.data["id"] for each in events.values()][-6:] == sent


def test_a_receiver_that_hangs_is_left_in_time(site, admin, add):
    hook = add(events=["message.created"])
    hook.free.clear()
    talk = site.conversation()
    sent = talk.agent.send(talk.id, "Are you there?").json["messageId"]
    failing = await_that(lambda: shown(admin, hook)["problem"])
    assert failing == "timeout"
    hook.free.set()
    site.advance(30)
    hook.until("message.created", id=sent)


@pytest.mark.parametrize("how", ["kill", "reload"])
def test_what_was_not_told_before_a_restart_is_told_after_it(start, receiver, add, how):
    server = start(workers=2, webhooks_anywhere=1)
    hook = add(server.person("admin"), ["message.created", "session.ended"])
    talk = server.conversation()
    first = talk.agent.send(talk.id, "0").json["messageId"]
    hook.until("message.created", id=first)
    hook.free.clear()
    hook.begun.queue.clear()
    sent = [talk.agent.send(talk.id, str(number)).json["messageId"] for number in range(1, 10)]
    under_way = hook.begun.get(timeout=PATIENCE_SECONDS)
    if how == "kill":
        server.kill()
        server.start()
    else:
        server.reload()
    hook.free.set()
    sent += [talk.agent.send(talk.id, str(number)).json["messageId"] for number in range(10, 15)]
    # Of the process that was sending nothing is heard any more.
    server.advance(121)
    events = {each.id: each for each in hook.until("message.created", id=sent[-1])}
    assert under_way in events
    assert [each.data["id"] for each in events.values() if about(each, talk.id)] == sent


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "http://127.0.0.1:9/",
        "https://127.0.0.1/",
        "https://10.1.2.3/hook",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://169.254.169.254/latest",
        "https://name:word@example.org/",
        "https://example.org:99999/",
        "https://[::zz]/",
        "https://example.org/#part",
        "https://example.org/a b",
        "ftp://example.org/",
        "https:///path",
        "",
    ],
)
def test_an_address_that_is_private_or_none_is_refused(start_once, url):
    asked = {"label": "x", "url": url, "events": ["message.created"]}
    answer = start_once.person("admin").post("/api/chat/webhooks", asked)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_parameter", "url")


@pytest.fixture(scope="module")
def start_once(tmp_path_factory):
    """A server that tells nothing to private addresses."""
    with Server(tmp_path_factory.mktemp("public")) as running:
        yield running


def test_a_name_that_leads_to_a_private_address_is_told_nothing(start_once, receiver):
    admin, hook = start_once.person("admin"), receiver.hook()
    port = receiver.url.rpartition(":")[2]
    asked = {"label": "x", "url": f"https://localhost:{port}/hooks/1", "events": ["message.created"]}
    hook.id = admin.post("/api/chat/webhooks", asked).json["webhook"]["id"]
    assert admin.post(f"/api/chat/webhooks/{hook.id}/test").status == 200
    assert await_that(lambda: shown(admin, hook)["problem"]) == "private"
    assert hook.begun.empty()


def test_words_are_told_where_the_webhook_says_so_and_kept_nowhere_else(site, add):
    hook, with_words = add(events=["message.created"]), add(events=["message.created"], with_words=True)
    talk = site.conversation()
    sent = talk.agent.send(talk.id, "Kanarie ist gelb \u2028 é").json["messageId"]
    assert "message" not in hook.until("message.created", id=sent)[-1].data
    assert with_words.until("message.created", id=sent)[-1].data["message"] == "Kanarie ist gelb \u2028 é"
    for table in ("deliveries", "happenings"):
        assert "Kanarie" not in str(rows(site, f"SELECT * FROM {table}"))


def test_what_a_writer_edits_and_deletes_is_told(site, add):
    hook = add(events=["message.edited", "message.deleted"], with_words=True)
    talk = site.conversation()
    sent = talk.client.send(talk.id, "Kanarie").json["messageId"]
    path = f"/api/chat/messages/{talk.id}/{sent}"
    assert talk.client.post(path, {"message": "Kanari"}).status == 200
    assert hook.until("message.edited", id=sent)[-1].data["message"] == "Kanari"
    assert talk.client.post(f"{path}/delete").status == 200
    assert hook.until("message.deleted", id=sent)[-1].data["message"] == ""


def test_nothing_is_told_of_before_it_was_added_or_while_it_is_off(site, admin, add):
    talk = site.conversation()
    talk.agent.send(talk.id, "before")
    hook = add()
    told = [talk.agent.send(talk.id, "told").json["messageId"]]
    hook.until("message.created", id=told[0])
    assert admin.post(f"/api/chat/webhooks/{hook.id}/off").json["webhook"]["is_on"] is False
    talk.agent.send(talk.id, "while it is off")
    talk.client.do("pause", talk.id)
    assert admin.post(f"/api/chat/webhooks/{hook.id}/on").json["webhook"]["is_on"] is True
    talk.client.do("resume", talk.id)
    events = [hook.next()]
    while not about(events[-1], talk.id):
        events.append(hook.next())
    assert events[-1].type == "session.resumed"


def test_a_secret_is_shown_once_and_after_a_rotation_both_are_good(site, admin, add):
    hook = add(events=["message.created"])
    old = hook.secrets[0]
    listing = json.dumps([admin.get("/api/chat/webhooks").json, listed(admin, hook)])
    assert old not in listing and "secret" not in listing
    new = admin.post(f"/api/chat/webhooks/{hook.id}/rotate").json["secret"]
    assert new.startswith("whsec_") and new != old
    for secrets in ([old], [new]):
        hook.secrets[:] = secrets
        assert admin.post(f"/api/chat/webhooks/{hook.id}/test").status == 200
        event = hook.until("webhook.test")[-1]
        assert (event.signatures, event.data) == (2, {})
    assert old not in site.log and new not in site.log


def test_what_was_sent_is_listed_and_sent_again_with_the_same_id(site, admin, add):
    hook = add(events=["message.created"])
    hook.answers.append(503)
    assert admin.post(f"/api/chat/webhooks/{hook.id}/test").status == 200
    event = hook.next()
    failing = await_that(lambda: [each for each in listed(admin, hook) if each["attempts"]])
    assert {name: failing[0][name] for name in ("event_id", "type", "state", "status", "problem")} == {
        "event_id": event.id,
        "type": "webhook.test",
        "state": "waiting",
        "status": 503,
        "problem": "status",
    }
    # Asked for another, what waits is tried now.
    assert admin.post(f"/api/chat/webhooks/{hook.id}/test").status == 200
    again, another = hook.next(), hook.next()
    assert again.id == event.id != another.id
    await_that(lambda: all(each["state"] == "delivered" for each in listed(admin, hook)))
    delivery_id = listed(admin, hook)[-1]["id"]
    assert admin.post(f"/api/chat/webhooks/{hook.id}/deliveries/{delivery_id}/again").status == 200
    assert hook.next().id == event.id
    unknown = f"/api/chat/webhooks/{hook.id}/deliveries/{2**62}/again"
    assert admin.post(unknown).status == 404


def test_one_that_fails_for_days_is_turned_off_and_says_why(start, receiver, add):
    server = start(webhooks_anywhere=1, worker_class="gthread")
    admin = server.person("admin")
    hook = add(admin)
    hook.answers += [500] * 4
    admin.post(f"/api/chat/webhooks/{hook.id}/test")
    hook.next()
    await_that(lambda: shown(admin, hook)["failing_since"])
    server.advance(DAY_SECONDS + 1)
    hook.next()
    # It is too old, and given up.
    given_up = await_that(lambda: [each for each in listed(admin, hook) if each["state"] == "given_up"])
    assert (given_up[0]["status"], given_up[0]["attempts"]) == (500, 2)
    admin.post(f"/api/chat/webhooks/{hook.id}/test")
    hook.next()
    await_that(lambda: listed(admin, hook)[0]["attempts"])
    assert shown(admin, hook)["is_on"]
    server.advance(2 * DAY_SECONDS)
    hook.next()
    is_off = await_that(lambda: not (found := shown(admin, hook))["is_on"] and found)
    assert (is_off["problem"], is_off["status"], is_off["waiting"]) == ("status", 500, 0)
    assert "is turned off: status 500" in server.log
    assert receiver.url not in server.log
    assert admin.post(f"/api/chat/webhooks/{hook.id}/on").json["webhook"]["problem"] is None
    admin.post(f"/api/chat/webhooks/{hook.id}/test")
    hook.until("webhook.test")


def test_one_that_says_it_is_gone_is_turned_off_at_once(admin, add):
    hook = add(events=["receipt.credited"])
    hook.answers.append(410)
    admin.post(f"/api/chat/webhooks/{hook.id}/test")
    await_that(lambda: not shown(admin, hook)["is_on"])
    assert shown(admin, hook)["status"] == 410


def test_a_queue_is_filled_once_and_in_order_whatever_it_is_filled_by(runtime):
    """A few at a time, by two processes, one of which dies before its COMMIT."""
    database = runtime.database
    database.write(lambda db: store.webhooks.insert(db, "x", "https://x", "message.created", False, b"", 0))
    (talk,) = pairs.create(runtime, 1, password_hash())
    user = database.read(lambda db: store.users.by_email(db, talk.emails["client"]))
    client = User(user["id"], "client", "", b"")
    for number in range(9):
        messages.send(runtime, client, talk.id, f"{number}", None)
    assert database.read(store.deliveries.are_news)

    class Killed(Exception):
        pass

    def die(db):
        store.deliveries.queue(db, 2, 0)
        raise Killed

    with pytest.raises(Killed):
        database.write(die)
    while database.read(store.deliveries.are_news):
        database.write(lambda db: store.deliveries.queue(db, 2, 0))
    queued = rows(runtime, "SELECT subject_id FROM deliveries ORDER BY id")
    assert queued == rows(runtime, "SELECT id FROM messages ORDER BY id")


@pytest.mark.on_a_file
def test_a_send_has_no_statement_more(runtime):
    """No trigger is in what a message changes."""
    message = "messages (chat_session_id, sender_id, sender_type, message, created_at, revision)"
    session = "UPDATE chat_sessions SET"
    sent = (
        f"INSERT INTO {message} VALUES (1, 1, 'client', 'x', 1, 1)",
        f"{session} last_message_id = 1, last_activity_at = 1, due_at = 1, revision = 1 WHERE id = 1",
    )
    has_trigger = [
        "Program" in [step[1] for step in rows(runtime, f"EXPLAIN {sql}")]
        for sql in (*sent, f"{session} status = 'paused' WHERE id = 1")
    ]
    assert has_trigger == [False, False, True]


def test_webhooks_are_for_administrators(site):
    for role in ("client", "agent"):
        who = site.person(role)
        assert who.get("/api/chat/webhooks").status == 403
        asked = {"label": "x", "url": "https://x.example/", "events": ["message.created"]}
        assert who.post("/api/chat/webhooks", asked).status == 403


def test_there_are_so_many_at_most(start_once):
    admin = start_once.person("admin")
    asked = {"label": "x", "url": "https://x.invalid/", "events": ["receipt.credited"]}
    answers = [admin.post("/api/chat/webhooks", asked) for _ in range(webhooks.MOST_WEBHOOKS + 1)]
    assert answers[-1].json["code"] == "too_many"


def test_the_page_adds_changes_and_removes_one(site, receiver, visit, admin):
    """With a keyboard alone, on a phone."""
    visitor, hook = visit(site, admin, viewport={"width": 320, "height": 640}), receiver.hook()
    visitor.open("/admin/webhooks")
    page = visitor.page
    page.get_by_label("Label").fill("The books")
    page.get_by_label("Address", exact=True).fill(hook.url)
    page.get_by_role("button", name="Add").press("Enter")
    hook.secrets.append(page.locator("[data-copied]").text_content())
    assert hook.secrets[0].startswith("whsec_")
    page.get_by_role("button", name="Send a test").click()
    page.get_by_text("Sent;").wait_for()
    event = hook.until("webhook.test")[-1]
    hook.id = page.url.rpartition("/")[2].partition("?")[0]
    await_that(lambda: listed(admin, hook)[0]["state"] == "delivered")
    page.reload()
    row = page.get_by_role("listitem").filter(has_text=event.id)
    assert "Arrived · 204 · 1 attempt" in row.inner_text()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("A message was sent").uncheck()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    assert not page.get_by_label("A message was sent").is_checked()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("Deleted.").wait_for()


def test_the_commands_do_the_same(start, receiver, run):
    server, hook = start(webhooks_anywhere=1), receiver.hook()
    made = json.loads(run(server, "webhooks", "add", hook.url, "--label", "Books", "--json"))
    hook.secrets.append(made["secret"])
    run(server, "webhooks", "change", made["id"], "--event", "receipt.issued", "--words")
    (found,) = map(json.loads, run(server, "webhooks", "list", "--json").splitlines())
    assert (found["events"], found["with_words"]) == (["receipt.issued"], True)
    run(server, "webhooks", "test", made["id"])
    event = hook.until("webhook.test")[-1]
    hook.secrets[:] = [run(server, "webhooks", "rotate", made["id"]).strip()]
    (sent,) = map(json.loads, run(server, "webhooks", "deliveries", made["id"], "--json").splitlines())
    assert sent["event_id"] == event.id
    run(server, "webhooks", "again", made["id"], sent["id"])
    assert hook.next().id == event.id
    for word, is_on in (("off", False), ("on", True)):
        run(server, "webhooks", word, made["id"])
        assert rows(server, "SELECT off_at IS NULL FROM webhooks") == [(is_on,)]
    assert "Books" in run(server, "webhooks", "list")
    run(server, "webhooks", "remove", made["id"])
    assert rows(server, "SELECT * FROM webhooks") == []


def test_what_is_signed_is_verified_as_the_docs_say(tmp_path):
    """By their lines of Python, and by those of openssl."""
    blocks = re.findall(r"```(python|sh)\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    python, shell = (next(text for kind, text in blocks if kind == each) for each in ("python", "sh"))
    key, body, now = bytes(range(32)), b'{"type":"webhook.test"}', int(time())
    secret = f"whsec_{b64encode(key).decode()}"
    webhook = {"secret": key, "old_secret": b"old", "old_secret_until": (now + 60) * 1000}
    signed = payloads.signature(webhook, "msg_1", now, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": signed}
    there = {}
    exec(python, there)
    assert there["verify"](secret, headers, body)
    assert not there["verify"](secret, headers, body + b" ")
    assert not there["verify"](secret, {**headers, "webhook-timestamp": str(now - 301)}, body)
    (tmp_path / "body.json").write_bytes(body)
    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=tmp_path,
        env={**os.environ, "SECRET": secret, "ID": "msg_1", "TIMESTAMP": str(now)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert f"v1,{done.stdout.strip()}" == signed.split(" ")[0], done.stderr
