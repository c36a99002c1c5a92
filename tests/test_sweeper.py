"""The sweeper goes on, whatever happens to one sweep."""

import threading

from chat import accounts, store
from chat.sweeper import REVOKED_KEPT_MS, TOKENS_PER_TICK, Sweeper
from tests.story import Story
from tests.time_travel import pass_time

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


def test_tokens_that_sign_nobody_in_are_deleted(runtime):
    """Those that were revoked a while ago: before that other processes learn of it from them."""
    user_id = accounts.create_user(runtime, "client", "Camille", "camille@example.org", PASSWORD)
    valid, revoked = (accounts.hash_token(accounts.issue_token(runtime, user_id)) for _ in range(2))
    for _ in range(TOKENS_PER_TICK + 1):
        runtime.database.write(lambda db: accounts.insert_token(db, user_id, days=0))
    accounts.log_out(runtime, revoked)

    def left():
        sql = "SELECT token_hash FROM auth_tokens ORDER BY id"
        return [row[0] for row in runtime.database.read(lambda db: db.conn.execute(sql).fetchall())]

    sweeper = Sweeper(runtime)
    sweeper.sweep()
    assert len(left()) == 3
    sweeper.sweep()
    assert left() == [valid, revoked]
    pass_time(runtime.database, REVOKED_KEPT_MS / 1000)
    sweeper.sweep()
    assert left() == [valid]


def test_a_session_that_cannot_be_stored_keeps_no_server_from_starting(runtime, caplog):
    """Nor the others from what an outage is to them."""
    story, write = Story(runtime), runtime.database.write
    for agent in ("anna", "dora", "cora"):
        story.ask(agent)
        story.accept()
        story.say("agent")
    spoilt = list(story.asked)[1]
    spoil = f"""
        CREATE TRIGGER spoilt BEFORE UPDATE ON chat_sessions WHEN old.id = {spoilt}
        BEGIN SELECT raise(ABORT, 'spoilt'); END
    """
    try:
        write(lambda db: db.conn.execute(spoil).close())
        story.is_down = True
        story.at(8)
        story.start()
        assert [each for each in story.asked if each != spoilt] == outages(runtime)
        assert f"Session {spoilt}: the outage" in caplog.text
    finally:
        write(lambda db: db.conn.execute("DROP TRIGGER spoilt").close())
        story.close()


def test_a_heartbeat_that_cannot_be_stored_keeps_no_server_from_starting(runtime, caplog):
    spoil = "CREATE TRIGGER spoilt BEFORE UPDATE ON server BEGIN SELECT raise(ABORT, 'spoilt'); END"
    pass_time(runtime.database, 8, outage=True)
    runtime.database.write(lambda db: db.conn.execute(spoil).close())
    sweeper = Sweeper(runtime)
    sweeper.begin()
    sweeper.end()
    runtime.database.write(lambda db: db.conn.execute("DROP TRIGGER spoilt").close())
    assert "An outage before this start is not stored" in caplog.text


def outages(runtime):
    query = "SELECT chat_session_id FROM billing_intervals WHERE reason = 'outage' ORDER BY chat_session_id"
    return [row[0] for row in runtime.database.read(lambda db: db.conn.execute(query).fetchall())]
