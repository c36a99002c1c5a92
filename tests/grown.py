"""Long conversations, as the server would have left them: to send them would take a test's whole time."""

MESSAGES = """
    WITH RECURSIVE numbers (number) AS (
        SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < :count
    )
    INSERT INTO messages (chat_session_id, sender_id, sender_type, message, created_at, revision)
    SELECT s.id, iif(number % 3, client_id, agent_id), iif(number % 3, 'client', 'agent'),
        'line ' || number || iif(number % 5, '', ': https://example.org/a and some more, to fill a line'),
        last_activity_at - 30000 * (:count - number), head + number
    FROM numbers, revision JOIN chat_sessions s ON s.id = :id
"""
HEAD = "UPDATE revision SET head = (SELECT max(revision) FROM messages)"
SESSION = """
    UPDATE chat_sessions SET revision = head, last_message_id = newest, client_read_id = newest,
        agent_read_id = newest, client_delivered_id = newest, agent_delivered_id = newest
    FROM revision, (SELECT max(id) AS newest FROM messages) WHERE chat_sessions.id = :id
"""


def add_messages(server, talk, count):
    """So many, one each half minute, which both sides have read."""

    def write(db):
        db.conn.execute(MESSAGES, {"id": talk.id, "count": count})
        db.conn.execute(HEAD)
        db.conn.execute(SESSION, {"id": talk.id})

    server.database.write(write)
