"""The API describes itself: every route, every answer, and nothing that is not so."""

import gzip
import json
from email.message import Message

import pytest
from openapi_spec_validator import validate

from app import create_app
from chat.errors import CursorReset, NotFound, SessionEnded, SpendingLimitReached, catalogue
from chat.settings import Settings
from chat.web import openapi
from chat.web.words import OF_SENDING
from tests import described
from tests.client import Answer


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path_factory.mktemp('app')}/chat.db"))
    yield app
    app.extensions["chat"].close()


@pytest.fixture(scope="module")
def document(app):
    return app.test_client().get("/api/openapi.json").json


def operations(document):
    """(method, path, operation) of all."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_it_is_openapi(document):
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_route_is_in_it_and_no_other(app, document):
    routes = {
        (method, rule.rule.replace("<", "{").replace(">", "}"))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    assert {(method.upper(), path) for method, path, _ in operations(document)} == routes


def test_a_route_that_says_nothing_of_itself_is_noticed(tmp_path):
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/chat.db"))
    app.add_url_rule("/api/secret", "secret", lambda: "", methods=["GET"])
    with pytest.raises(AttributeError):
        openapi.document(app)
    app.extensions["chat"].close()


def test_every_code_of_an_answer_is_in_the_catalogue(document):
    statuses = {problem.code: problem.status for problem in catalogue()}
    for _, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            content = answer.get("content", {})
            if int(status) >= 400:
                assert content.keys() == {"application/problem+json"}, path
                codes = content["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"][
                    "enum"
                ]
                assert {statuses[code] for code in codes} == {int(status)}, path
            if int(status) in (429, 503):
                assert "Retry-After" in answer["headers"]


def test_every_error_of_the_api_is_told_by_some_operation(document):
    told = set()
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/problem+json"]["schema"]
                told |= set(schema["allOf"][1]["properties"]["code"]["enum"])
    # Of pages, of what is no operation, and what must never be.
    others = {
        "form_expired",
        "email_taken",
        "origin_not_allowed",  # of a widget's frame
        "still_needed",
        "not_ready",  # of /readyz
        "method_not_allowed",
        "unknown_method",
        "internal_error",
    }
    assert told == {problem.code for problem in catalogue()} - others


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/api/chat/messages/45?cursor=9", SessionEnded),
        ("POST", "/api/chat/message", CursorReset),
        ("POST", "/api/chat/sessions/45/end", SpendingLimitReached),
    ],
)
def test_an_answer_that_is_not_described_is_noticed(method, path, kind):
    """In any test: each answer that a tests.client.Client gets is held against the description."""
    described.check(method, path, refusal(NotFound))
    with pytest.raises(AssertionError, match="does not say"):
        described.check(method, path, refusal(kind))


def refusal(kind):
    """As a client gets it."""
    headers = Message()
    headers["Content-Type"] = "application/problem+json"
    return Answer(kind.status, headers, json.dumps({"code": kind.code}).encode())


def test_fields_and_parameters_are_those_that_are_read(document):
    fetch = document["paths"]["/api/chat/messages/{chat_session_id}"]["get"]
    assert [each["name"] for each in fetch["parameters"] if each["in"] == "query"] == [
        "longPoll",
        "wait",
        "lastMessageId",
        "cursor",
        "beforeMessageId",
        "limit",
        "peer",
    ]
    limit = next(each["schema"] for each in fetch["parameters"] if each["name"] == "limit")
    assert (limit["type"], limit["minimum"], limit["maximum"], limit["default"]) == ("integer", 1, 100, 100)
    send = document["paths"]["/api/chat/message"]["post"]
    schema = send["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["chat_session_id", "message"]
    assert "Idempotency-Key" in [each["name"] for each in send["parameters"]]
    assert send["responses"].keys() >= {"200", "201", "400", "401", "403", "404", "409", "413", "415", "429"}


def test_it_is_for_everybody_and_may_be_kept(app):
    client = app.test_client()
    answer = client.get("/api/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    packed = client.get("/api/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(packed.data)) == answer.json
    assert len(packed.data) < 30_000
    again = client.get("/api/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_scripts_have_words_for_every_refusal_of_a_message(document):
    paths = ("/api/chat/message", "/api/chat/attachments/{chat_session_id}")
    codes = {
        code
        for path in paths
        for status, response in document["paths"][path]["post"]["responses"].items()
        if status >= "400"
        for code in response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"][
            "code"
        ]["enum"]
    }
    assert codes | {"internal_error"} == set(OF_SENDING)
