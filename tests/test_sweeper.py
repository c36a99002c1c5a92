"""The sweeper goes on, whatever happens to one sweep."""

import threading

from chat import accounts, store
from chat.sweeper import Sweeper

PASSWORD = "correct horse"
PATIENCE_SECONDS = 20


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
