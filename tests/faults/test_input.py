"""Whatever is put into any field of any request, the server does not break."""

import itertools
import json

import pytest

from tests.faults import tally

DEEP = json.loads("[" * 50 + "]" * 50)
VALUES = (
    None,
    True,
    0,
    -1,
    2**63,
    2**200,
    1e308,
    0.5,
    "",
    " ",
    "x" * 5000,
    "\0",
    "\ud800",
    "٣",
    [],
    {},
    DEEP,
)
FIELDS = {
    "/api/chat/message": ("chat_session_id", "message", "client_message_id"),
    "/api/chat/sessions": ("agent_id", "max_rate", "rate_per_minute", "message", "spending_limit"),
    "/api/chat/sessions/{}/read": ("message_id", "last_read_id"),
    "/api/chat/sessions/{}/typing": ("typing",),
    "/api/chat/sessions/{}/transfer": ("agent_id",),
    "/api/chat/sessions/{}/transfer/agree": ("agent_id", "rate_per_minute"),
    "/api/chat/sessions/{}/rate": ("stars", "rating", "comment"),
    "/api/auth/login": ("email", "password"),
}
QUERIES = ("cursor", "lastMessageId", "limit", "before", "peers")


@pytest.mark.soak
def test_no_input_breaks_anything(server):
    talk = server.conversation()
    statuses = []
    right = {"chat_session_id": talk.id, "message": "Bonjour"}
    for path, fields in FIELDS.items():
        for field, value in itertools.product(fields, VALUES):
            who = talk.agent if path.endswith("transfer") else talk.client
            statuses.append(who.post(path.format(talk.id), right | {field: value}).status)
    for name, value in itertools.product(QUERIES, VALUES):
        # A surrogate cannot be written in an address.
        text = str(value).replace("\ud800", "%ED%A0%80")
        statuses.append(talk.client.fetch(talk.id, **{name: text}).status)
        statuses.append(talk.client.inbox(**{name: text}).status)
    # What was taken after all waits in the inbox of every agent.
    for session in talk.client.inbox().json["sessions"]:
        talk.client.do("cancel", session["id"])
    tally.counted.update(inputs=len(statuses), server_errors=sum(status >= 500 for status in statuses))
    assert [status for status in statuses if status >= 500] == []
