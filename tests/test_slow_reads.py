"""Reports and searches have threads of their own: nobody who signs in or sends waits for them."""

import threading

import pytest

from chat import accounts, messages, store
from chat.database.database import SLOW_READS
from chat.demo import pairs
from chat.runtime import Runtime
from chat.settings import Settings
from chat.sweeper import Sweeper
from tests.threads import together

PASSWORD = "correct horse"
PATIENCE_SECONDS = 20


@pytest.fixture
def runtime(tmp_path):
    runtime = Runtime(Settings(database_url=f"sqlite:///{tmp_path}/chat.db"))
    runtime.prepare()
    yield runtime
    runtime.stop()
    runtime.close()


def test_reports_that_take_long_keep_nobody_from_signing_in_and_sending(runtime):
    talk = pairs.create(runtime, 1, PASSWORD)[0]
    busy, let_go = threading.Barrier(SLOW_READS + 1), threading.Event()

    def report(db):
        busy.wait(PATIENCE_SECONDS)
        return let_go.wait(PATIENCE_SECONDS)

    with together() as threads:
        reports = [threads.submit(runtime.database.read_slowly, report) for _ in range(SLOW_READS)]
        busy.wait(PATIENCE_SECONDS)
        signing_in = threads.submit(accounts.log_in, runtime, talk.emails["client"], PASSWORD)
        _, client = signing_in.result(PATIENCE_SECONDS)
        sending = threads.submit(messages.send, runtime, client, talk.id, "Bonjour", None)
        assert sending.result(PATIENCE_SECONDS)[0] > 0
        assert not any(report.done() for report in reports)
        let_go.set()
        assert [report.result(PATIENCE_SECONDS) for report in reports] == [True] * SLOW_READS


def test_a_sweep_that_fails_is_not_the_last(runtime, caplog):
    user_id = accounts.create_user(runtime, "client", "Camille", "camille@example.org", PASSWORD)
    sweeper, presence = Sweeper(runtime), runtime.presence
    runtime.presence = None
    sweeper.start()
    until(lambda: "The sweep failed" in caplog.text)
    runtime.presence = presence
    presence.see(user_id)
    until(lambda: runtime.database.read(lambda db: store.users.by_id(db, user_id))["seen_at"])
    sweeper.stop()


def until(condition):
    waited = 0
    while not condition():
        threading.Event().wait(0.05)
        waited += 1
        assert waited < PATIENCE_SECONDS / 0.05
