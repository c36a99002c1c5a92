"""What a monitor sees: all workers together, whichever of them it asks and whichever has died."""

import json
import os
import re
import resource
import signal
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat import counts
from chat.version import VERSION
from tests.server import CLASSES, ROOT, mostly
from tests.streams import SSE, WS
from tests.threads import together

DASHBOARD = ROOT / "deploy" / "grafana.json"


def families(server):
    """What is told, as Prometheus reads it."""
    answer = server.client().get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return list(text_string_to_metric_families(answer.body.decode()))


def metrics(server):
    """The numbers, by name and what stands in the labels."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families(server)
        for sample in family.samples
    }


@mostly(("gevent", 2), ("gthread", 1))
def test_what_happens_is_counted(start, worker_class, workers):
    server = start(worker_class=worker_class, workers=workers)
    talk = server.conversation()
    last, before = talk.settle(), metrics(server)
    poll = talk.client.poll(talk.id, lastMessageId=last)
    with SSE(talk.client, f"/api/chat/stream/{talk.id}") as stream, WS(talk.agent, "/api/chat/ws") as socket:
        stream.one("open")
        socket.one("open")
        server.wait_until_held(3)
        held = metrics(server)
        assert [held[f"chat_held {kind}"] for kind in counts.KINDS] == [1, 1, 1]
        assert talk.agent.send(talk.id, "Bonjour").status == 201
        assert poll.result().texts == stream.texts(1) == socket.texts(1) == ["Bonjour"]
        after = metrics(server)
    assert after["chat_sends_total"] == before["chat_sends_total"] + 1
    told = [f"chat_deliveries_total {kind}" for kind in counts.KINDS]
    assert [after[name] - before[name] for name in told] == [1, 1, 1]
    # Whoever finds it in the database before the writer has said when it was committed is not counted.
    assert 1 <= after["chat_delivery_seconds_count"] == after["chat_delivery_seconds_bucket +Inf"] <= 3
    assert sum(after[f"chat_wakes_total {source}"] for source in counts.SOURCES) >= 3
    assert after["chat_commit_seconds_count"] > before["chat_commit_seconds_count"]
    assert after["chat_write_group_sum"] >= after["chat_write_group_count"]
    assert after["chat_requests_total"] > before["chat_requests_total"]
    assert (after["chat_sessions active"], after["chat_workers"], after["chat_database_up"]) == (
        1,
        workers,
        1,
    )
    assert after[f"chat_info {VERSION}"] == 1
    assert after["chat_file_bytes database"] > 0 and after["chat_disk_free_bytes"] > 0
    server.wait_until_held(0)
    assert {metrics(server)[f"chat_held {kind}"] for kind in counts.KINDS} == {0}


@mostly("gevent")
def test_what_is_refused_and_what_is_not_held_is_counted(start, worker_class):
    server = start(worker_class=worker_class, max_waiters=0)
    talk = server.conversation()
    last = talk.last_id
    assert talk.client.get("/nowhere").status == talk.client.get("/api/chat/messages/999").status == 404
    assert talk.client.fetch(talk.id, lastMessageId=last, longPoll="true").status == 503
    assert talk.client.get(f"/api/chat/stream/{talk.id}").status == 503
    found = metrics(server)
    assert found["chat_errors_total not_found"] == 2
    assert found["chat_errors_total overloaded"] == 2
    assert (found["chat_fallbacks_total poll"], found["chat_fallbacks_total sse"]) == (1, 1)


def test_requests_that_nobody_took_and_the_outbox_are_counted(start):
    server = start()
    client = server.person("client")
    server.person("agent")
    client.ask(message="Bonjour")
    assert metrics(server)["chat_sessions waiting"] == 1
    server.advance(121)
    while not metrics(server)["chat_requests_missed_total expired"]:
        threading.Event().wait(0.05)
    server.database.write(
        lambda db: db.conn.execute(
            "INSERT INTO outbox (kind, target, topic, payload, due_at, until_at) VALUES "
            "('push', '1', '1', '', 9e15, 9e15)"
        )
    )
    found = metrics(server)
    assert (found["chat_requests_missed_total expired"], found["chat_sessions ended"]) == (1, 1)
    assert found["chat_outbox_waiting push"] == 1


@pytest.mark.parametrize("worker_class", CLASSES)
def test_a_worker_that_is_killed_takes_its_gauges_along_and_no_counter(start, worker_class):
    server = start(worker_class=worker_class, workers=2)
    talk, waiting, sends = server.conversation(), server.conversation(), 20
    last = waiting.settle()
    for _ in range(10):
        waiting.client.poll(waiting.id, lastMessageId=last)
    server.wait_until_held(10)
    for _ in range(sends):
        assert talk.agent.send(talk.id, "x").status == 201
    health = {}
    server.wait_until(lambda told: health.update(told) or len(told) == 2)
    before = metrics(server)
    assert (before["chat_held poll"], before["chat_workers"]) == (10, 2)
    killed = max(health, key=lambda pid: health[pid]["held_polls"])
    os.kill(killed, signal.SIGKILL)
    # Its successor is started once its end is known.
    server.wait_until(lambda told: len(told) == 2 and killed not in server.workers() == told.keys())
    after = metrics(server)
    assert after["chat_workers"] == 2
    assert after["chat_held poll"] == 10 - health[killed]["held_polls"]
    for name in ("chat_sends_total", "chat_requests_total", "chat_write_group_sum"):
        assert after[name] >= before[name] > 0
    assert after["chat_sends_total"] == sends
    server.reload()
    reloaded = metrics(server)
    assert (reloaded["chat_sends_total"], reloaded["chat_workers"]) == (sends, 2)
    assert reloaded["chat_held poll"] == 0


def test_it_is_for_this_machine_or_whoever_has_the_token(start):
    server, secret = start(), "n0t-t0-be-guessed"
    assert server.client().get("/metrics").status == 200
    for header in ("X_Forwarded_For", "Forwarded", "Via", "X_Real_IP"):
        answer = server.client().get("/metrics", **{header: "127.0.0.1"})
        assert (answer.status, answer.json["code"]) == (404, "not_found")
    closed = start(metrics_token=secret)
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {secret}"}):
        assert closed.client().get("/metrics", **given).json["code"] == "not_found"
    scraper = closed.client(secret)
    assert (
        scraper.get("/metrics").status == scraper.get("/metrics", X_Forwarded_For="203.0.113.7").status == 200
    )
    assert closed.client().get("/metrics", Authorization="Bearer \u00e9").status == 404


def test_without_a_database_the_rest_is_told(start):
    server = start()
    assert metrics(server)["chat_database_up"] == 1
    away = server.path.rename(server.path.with_name("away.db"))
    found = metrics(server)
    assert (found["chat_database_up"], found["chat_workers"], found["chat_file_bytes database"]) == (0, 1, 0)
    assert "chat_heartbeat_age_seconds" not in found
    away.rename(server.path)


def test_the_dashboard_asks_for_what_there_is(start):
    told = families(start())
    names = {sample.name for family in told for sample in family.samples} | {
        family.name for family in told if family.type == "gauge"
    }
    labels = {label for family in told for sample in family.samples for label in sample.labels} | {"kind"}
    board = json.loads(DASHBOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    legends = [target["legendFormat"] for panel in board["panels"] for target in panel["targets"]]
    assert len(asked) > 20
    assert set(re.findall(r"\bchat_\w+", " ".join(asked))) <= names
    assert set(re.findall(r"by \((\w+)\)", " ".join(asked))) <= labels
    assert set(re.findall(r"\{\{(\w+)\}\}", " ".join(legends))) <= labels
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_threads_lose_no_count(hasty_threads):
    """Also where they take turns after each instruction."""
    before, threads, rounds = counts.totals(), 8, 5000

    def count():
        for _ in range(rounds):
            counts.add("sends")
            counts.observe("write_group", 3)

    with together() as running:
        for _ in range(threads):
            running.submit(count)
    after = counts.totals()
    assert after["sends", ""] - before["sends", ""] == threads * rounds
    assert after["write_group", 4] - before["write_group", 4] == threads * rounds
    assert after["write_group", counts.SUM] - before["write_group", counts.SUM] == 3 * threads * rounds


@mostly("gevent")
def test_readiness_says_what_is_wrong_and_comes_back_by_itself(start, worker_class):
    server = start(worker_class=worker_class)
    talk, well = server.conversation(), dict.fromkeys(("read", "write", "file", "space"), "ok")
    assert server.client().get("/healthz").json["version"] == VERSION
    ready = server.client().get("/readyz")
    assert (ready.status, ready.json) == (200, {"status": "ok", "checks": well})
    (worker,) = server.workers()
    limits = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (0, limits[1]))
    assert talk.client.send(talk.id, "x" * 4000).status == 503
    full = server.client().get("/readyz")
    assert (full.status, full.headers["Content-Type"]) == (503, "application/problem+json")
    assert full.json["code"] == "not_ready"
    assert full.json["checks"] == {**well, "write": full.json["checks"]["write"]} != well
    assert full.json["checks"]["write"] in full.json["detail"]
    resource.prlimit(worker, resource.RLIMIT_FSIZE, limits)
    await_ready(server)


def await_ready(server):
    """Nobody sends meanwhile."""
    while server.client().get("/readyz").status != 200:
        threading.Event().wait(0.05)


def test_readiness_sees_that_a_file_is_another_one(start):
    """What is written then is gone with the next start."""
    server = start()
    talk = server.conversation()
    assert talk.client.send(talk.id, "x").status == 201
    wal = server.path.with_name("chat.db-wal")
    away = wal.rename(server.path.with_name("away"))
    answer = server.client().get("/readyz")
    assert (answer.status, answer.json["checks"]["file"]) == (503, "chat.db-wal is not the file that is open")
    wal.touch()
    assert server.client().get("/readyz").status == 503
    away.rename(wal)
    assert server.client().get("/readyz").status == 200


def test_readiness_needs_no_database_to_answer(start):
    server = start()
    assert server.client().get("/readyz").status == 200
    away = server.path.rename(server.path.with_name("away.db"))
    answer = server.client().get("/readyz")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
    assert (answer.json["checks"]["read"], answer.json["checks"]["file"]) == (
        "it cannot be read",
        "chat.db is not the file that is open",
    )
    away.rename(server.path)
    await_ready(server)
