"""Reports and searches have threads of their own: nobody who signs in or sends waits for them."""

import threading

from chat import accounts, messages
from chat.database.database import SLOW_READS
from chat.demo import pairs
from chat.live.hub import HERE
from tests.threads import together

PASSWORD = "correct horse"
PATIENCE_SECONDS = 20


def test_reports_that_take_long_keep_nobody_from_signing_in_and_sending(runtime):
    talk = pairs.create(runtime, 1, accounts.hash_password(runtime, PASSWORD))[0]
    busy, let_go = threading.Barrier(SLOW_READS + 1), threading.Event()

    def report(db):
        busy.wait(PATIENCE_SECONDS)
        return let_go.wait(PATIENCE_SECONDS)

    with together() as threads:
        reports = [threads.submit(runtime.database.read_slowly, report) for _ in range(SLOW_READS)]
        busy.wait(PATIENCE_SECONDS)
        signing_in = threads.submit(accounts.log_in, runtime, talk.emails["client"], PASSWORD, HERE)
        _, client = signing_in.result(PATIENCE_SECONDS)
        sending = threads.submit(messages.send, runtime, client, talk.id, "Bonjour", None)
        assert sending.result(PATIENCE_SECONDS)[0] > 0
        assert not any(report.done() for report in reports)
        let_go.set()
        assert [report.result(PATIENCE_SECONDS) for report in reports] == [True] * SLOW_READS
