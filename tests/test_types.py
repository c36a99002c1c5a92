"""Whatever comes where something else is wanted: a clear refusal as documented, or the documented success."""

import gzip
import json
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

from chat import webhooks
from tests.client import TIMEOUT_SECONDS
from tests.pages.visitor import PASSWORD, Visitor
from tests.push_service import SOME_KEYS
from tests.streams import HANDSHAKE, WS

# As JSON text, for not all of it can be made from Python's values.
VALUES = [
    *("null", "true", "false", "0", "-0", "-1", "1.5", "1e2", "1e400", "-1e400", "NaN", "Infinity", "1e-9"),
    *(str(2**31), str(2**53 + 1), str(2**63 - 1), str(2**63), str(10**30), "9" * 4000),
    *('""', '" "', '"x"', '"1"', '"true"', '"null"', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00x"'),
    *('"\\ufeff"', '"\\uffff"', '"\\u202e"', '"\\u200b"', '"\U0001f600"', '"' + "x" * 5000 + '"'),
    *(
        "[]",
        "[1]",
        "[null]",
        "[[]]",
        "{}",
        '{"a":1}',
        "[" * 1000 + "]" * 1000,
        '{"a":' * 200 + "1" + "}" * 200,
    ),
    *("", "nul", "'x'", "01", "+1", "0x1", "1_0", ".5", "undefined"),
]
IN_QUERY = [
    *("", "+", "%20", "-1", "1.5x", "1e400", "NaN", "inf", str(2**63), "9" * 2000, "x", "x" * 2000, "null"),
    *(
        "%00",
        "1%00",
        "%FF",
        "%ED%A0%80",
        "%F0%9F%98%80",
        "%EF%BC%91",
        "[]",
        "{}",
        "1,2",
        "0x1",
        "1_0",
        "TRUE",
    ),
]
# A body that is right, the role that sends it, and where to.
RIGHT = {
    "sending.send": ("client", {"chat_session_id": "open", "message": "Bonjour"}),
    "signals.read": ("client", {"chat_session_id": "open", "message_id": 1}),
    "signals.typing": ("client", {"chat_session_id": "open", "typing": True}),
    "sessions.ask": (
        "client",
        {"agent_id": "agent", "max_rate": 5, "message": "Bonjour", "spending_limit": 5},
    ),
    "sessions.limit": ("client", {"spending_limit": 500}),
    "sessions.transfer": ("agent", {"agent_id": "client", "text": "Ask about the lease."}),
    "clients.add": ("agent", {"text": "Prefers short answers.", "chat_session_id": "open"}),
    "sessions.agree": ("client", {"agent_id": "agent", "rate_per_minute": 2.5}),
    "sessions.rate": ("client", {"rating": 5, "comment": "Merci"}),
    "agents.change": ("agent", {"available": True, "rate_per_minute": 2.5}),
    "agents.patch": (
        "agent",
        {
            "headline": "Leases",
            "languages": ["fr", "pt-BR"],
            "time_zone": "Asia/Kolkata",
            "hours": {"monday": ["09:00-12:30"]},
            "special_days": [{"first": "2026-12-24"}],
            "holidays": "DE-BY",
        },
    ),
    "agents.change_balance": (
        "admin",
        {"user_id": "client", "kind": "top_up", "amount": 5, "reason": "Bank"},
    ),
    "bookkeeping.ask": ("client", {"remark": "Why two minutes?"}),
    "bookkeeping.credit": ("admin", {"amount": 2.5, "reason": "Goodwill"}),
    "earnings.pay_out": ("admin", {"agent_id": "agent", "kind": "payout", "amount": 5, "reason": "Bank"}),
    "missed.answer": ("agent", {"answer": "I am here now."}),
    "push.subscribe": ("client", {"endpoint": "https://push.invalid/a", "keys": SOME_KEYS}),
    "push.unsubscribe": ("client", {"endpoint": "https://push.invalid/a"}),
    "push.send_test": ("client", {"endpoint": "https://push.invalid/a"}),
    "push.look": ("client", {"page": "one", "looking": True}),
    "order.block": ("agent", {"client_id": "client", "reason": "Insults"}),
    "order.report": ("client", {"reason": "abuse", "remark": "Insults"}),
    "tokens.create": ("client", {"label": "Export", "days": 30, "password": PASSWORD}),
    "webhooks.add": (
        "admin",
        {
            "label": "Export",
            "url": "https://hooks.invalid/a",
            "events": ["message.created"],
            "with_words": False,
        },
    ),
    "guests.create": ("client", {"key": "nobodys", "name": "Camille", "email": "camille@example.org"}),
    "login.log_in": ("client", {"email": "nobody@nowhere.example", "password": PASSWORD, "code": "1"}),
}
# Without a provider of payments; tests/test_payments.py has one.
OFF = {
    "clients.change",
    "sending.edit",
    "order.finish",
    "payments.create",
    "payments.show",
    "payments.refund",
}
OFF |= {"webhooks.change"}
# Forms with a file; tests/test_attachments.py sends them.
OFF |= {"attachments.add", "attachments.show", "attachments.show_thumbnail"}
# What a client may not even ask.
OF_ADMINISTRATORS = ("diagnosis", "webhooks")


class Line:
    """One connection that many requests go over."""

    def __init__(self, server):
        self._connection = HTTPConnection(*server.address, timeout=TIMEOUT_SECONDS)

    def request(self, method, path, body, headers):
        """(status, media type, body)."""
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers.get_content_type(), answer.read()

    def close(self):
        self._connection.close()


@pytest.fixture
def line(site):
    with closing(Line(site)) as line:
        yield line


@pytest.fixture(scope="module")
def operations(site):
    """Of the API's own description: by id, each with its method and path."""
    paths = site.client().get("/api/openapi.json").json["paths"]
    return {
        operation["operationId"]: {**operation, "method": method.upper(), "path": path}
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


@pytest.fixture(scope="module")
def people(site):
    """An active session and an ended one, their people and an administrator: (tokens, ids)."""
    talk, ended = site.conversation(), site.conversation()
    ended.client.do("end", ended.id)
    shown = talk.client.show(talk.id)
    tokens = {"client": talk.client.token, "agent": talk.agent.token, "admin": site.person("admin").token}
    ids = {"open": talk.id, "ended": ended.id, "agent": shown["agent"]["id"], "client": shown["client"]["id"]}
    yield tokens, ids | {"ended_token": ended.client.token}
    for each in webhooks.listed(site.runtime, None):
        webhooks.remove(site.runtime, None, each["id"])


def check(operation, answer, shown):
    """It is one of those that are documented; returns what is told."""
    status, media_type, body = answer
    described = operation["responses"].get(str(status))
    assert described, (shown, status, body)
    assert media_type in described["content"], (shown, media_type)
    if media_type == "text/event-stream":
        return {}
    told = json.loads(body)
    if status >= 400:
        codes = described["content"][media_type]["schema"]["allOf"][1]["properties"]["code"]["enum"]
        assert told["code"] in codes, (shown, told)
    return told


def address(operation, ids):
    """Where an operation is asked of these people."""
    id = ids["ended" if operation["operationId"] == "sessions.rate" else "open"]
    path = operation["path"].replace("{chat_session_id}", str(id)).replace("{agent_id}", str(ids["agent"]))
    return path.replace("{user_id}", str(ids["client"])).replace("{webhook_id}", str(ids["open"]))


def test_every_body_is_tried(operations):
    named = {name for name, each in operations.items() if "requestBody" in each}
    assert named - RIGHT.keys() == OFF & named


@pytest.mark.parametrize("name", RIGHT)
def test_a_field_takes_what_it_is_described_to_take(line, operations, people, name):
    (role, right), operation = RIGHT[name], operations[name]
    tokens, ids = people
    token = ids["ended_token"] if name == "sessions.rate" else tokens[role]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": "k"}
    right = {
        field: ids.get(value, value) if isinstance(value, str) else value for field, value in right.items()
    }
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert right.keys() <= schema["properties"].keys()
    path = address(operation, ids)
    for field, described in schema["properties"].items():
        for value in VALUES:
            shown = f"{name}.{field} = {value[:60]}"
            others = json.dumps({other: each for other, each in right.items() if other != field})[1:-1]
            body = "{" + ", ".join(filter(None, [others, f'"{field}": {value}'])) + "}"
            content = body.encode(errors="surrogatepass")
            answer = line.request(operation["method"], path, content, headers)
            told = check(operation, answer, shown)
            if told.get("code") == "invalid_parameter":
                assert told["field"].partition(".")[0] == field, (shown, told)
            try:
                is_right = Draft202012Validator(described).is_valid(json.loads(value))
            except (ValueError, OverflowError, RecursionError):
                is_right = False
            if not is_right or value in ("NaN", "Infinity"):
                assert 400 <= answer[0] < 500, (shown, answer)
        if field in schema.get("required", ()):
            missing = {other: each for other, each in right.items() if other != field}
            answer = line.request(operation["method"], path, json.dumps(missing), headers)
            told = check(operation, answer, field)
            assert (told["code"], told["field"]) == ("invalid_parameter", field)


def test_a_parameter_takes_what_it_is_described_to_take(line, operations, people):
    tokens, ids = people
    for name, operation in operations.items():
        if name in OFF:
            continue
        headers = {
            "Authorization": f"Bearer {tokens['admin' if name.startswith(OF_ADMINISTRATORS) else 'client']}"
        }
        if operation["responses"].keys() & {"101"}:
            headers |= {key.replace("_", "-"): value for key, value in HANDSHAKE.items()}
        named = [each for each in operation["parameters"] if each["in"] == "query"]
        for parameter in named:
            field, schema = parameter["name"], parameter["schema"]
            number, *none_yet = schema.get("anyOf", [schema])
            for value in IN_QUERY:
                if none_yet and value in none_yet[0]["enum"]:
                    continue
                path = f"{address(operation, ids)}?{field}={value}"
                answer = line.request("GET", path, None, headers)
                told = check(operation, answer, path)
                if number["type"] == "integer" or "enum" in number:
                    assert (answer[0], told["code"], told["field"]) == (400, "invalid_parameter", field), path
            answer = line.request("GET", f"{path}&{field}=1", None, headers)
            assert check(operation, answer, path)["code"] == "invalid_parameter"
        if not named and operation["method"] == "GET" and "101" not in operation["responses"]:
            # What is not known is left alone.
            assert line.request("GET", f"{address(operation, ids)}?x=%FF&x=", None, headers)[0] == 200


RIGHT_JSON = b'{"chat_session_id": 1, "message": "Bonjour"}'
WHOLE = {
    "nothing": b"",
    "blank": b" \n",
    "null": b"null",
    "true": b"true",
    "number": b"0",
    "text": b'"x"',
    "list": b"[]",
    "list of objects": b"[%s]" % RIGHT_JSON,
    "empty object": b"{}",
    "byte order mark": b"\xef\xbb\xbf" + RIGHT_JSON,
    "utf-16": RIGHT_JSON.decode().encode("utf-16"),
    "utf-16 without mark": RIGHT_JSON.decode().encode("utf-16-le"),
    "utf-32": RIGHT_JSON.decode().encode("utf-32"),
    "latin-1": '{"chat_session_id": 1, "message": "é"}'.encode("latin-1"),
    "no utf-8": b'{"chat_session_id": 1, "message": "\xc0\x80\xff"}',
    "a surrogate in utf-8": b'{"chat_session_id": 1, "message": "\xed\xa0\x80"}',
    "NUL": b"\0" + RIGHT_JSON,
    "a raw line break": b'{"chat_session_id": 1, "message": "a\nb"}',
    "cut": RIGHT_JSON[:-1],
    "two": RIGHT_JSON + RIGHT_JSON,
    "a comment": b"/* */" + RIGHT_JSON,
    "a comma too many": RIGHT_JSON[:-1] + b",}",
    "gzip": gzip.compress(RIGHT_JSON),
    "deep": b"[" * 30_000 + b"]" * 30_000,
    "deep, not closed": b'{"a":' * 12_000,
    "many fields": b"{" + b",".join(b'"f%d":0' % number for number in range(5000)) + b"}",
    "a long number": b'{"chat_session_id": 1%s, "message": "x"}' % (b"0" * 60_000),
    "proto": b'{"__proto__": {"chat_session_id": 1}, "constructor": 1}',
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
def test_a_body_that_is_no_such_object_is_refused(server, talk, operations, body):
    for name, path in (("sending.send", "/api/chat/message"), ("login.log_in", "/api/auth/login")):
        for more in ({}, {"Content_Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}):
            headers = {"Content_Type": "application/json", **more}
            answer = talk.client.request("POST", path, body, **headers)
            told = check(
                operations[name], (answer.status, answer.headers.get_content_type(), answer.body), path
            )
            assert 400 <= answer.status < 500
            assert told["code"] in ("invalid_request", "invalid_parameter"), told
    assert talk.client.fetch(talk.id).json["session"]["status"] == "active"


def test_of_a_field_that_comes_twice_the_last_one_counts(talk):
    body = f'{{"chat_session_id": {talk.id}, "message": 1, "message": "the last"}}'
    answer = talk.client.request("POST", "/api/chat/message", body, Content_Type="application/json")
    assert answer.status == 201
    assert talk.agent.fetch(talk.id).texts[-1] == "the last"


MEDIA_TYPES = {
    "": 415,
    "application/json": 201,
    "Application/JSON": 201,
    "application/json; charset=utf-8": 201,
    # JSON is UTF-8, whatever else is said.
    "application/json; charset=utf-16": 201,
    "application/json; charset=nonsense": 201,
    "application/jsonx": 415,
    "application/json, text/plain": 415,
    "text/json": 415,
    "application/xml": 415,
    "multipart/form-data": 415,
    "multipart/form-data; boundary=x": 415,
    "application/x-www-form-urlencoded": 415,
    "é": 415,
}


@pytest.mark.parametrize(("media_type", "status"), MEDIA_TYPES.items())
def test_only_json_is_json(talk, media_type, status):
    body = json.dumps({"chat_session_id": talk.id, "message": "Bonjour"})
    answer = talk.client.request("POST", "/api/chat/message", body, Content_Type=media_type)
    assert answer.status == status
    assert status == 201 or answer.json["code"] == "unsupported_media_type"


def test_a_frame_takes_what_it_is_described_to_take(site, people):
    tokens, ids = people
    right = {
        "send": {"message": "Bonjour", "client_message_id": None, "chat_session_id": ids["open"]},
        "edit": {"message_id": 1, "message": "Bonjour", "chat_session_id": ids["open"]},
        "delete": {"message_id": 1, "chat_session_id": ids["open"]},
        "read": {"message_id": 1, "chat_session_id": ids["open"]},
        "typing": {"typing": True, "chat_session_id": ids["open"]},
    }
    with WS(site.client(tokens["client"]), "/api/chat/ws") as told:
        for do, fields in right.items():
            for field in ("do", *fields):
                others = json.dumps({"do": do, **fields, field: 0})
                for value in VALUES:
                    told.tell(others.replace(f'"{field}": 0', f'"{field}": {value}'))
                    answer = told.answer()
                    if answer.name == "problem":
                        assert answer.data["code"] in ("invalid_request", "invalid_parameter", "not_found"), (
                            value
                        )
        for raw in ("", " ", "null", "[]", "{}", "x", "[" * 20_000, '{"do": ["send"]}', '{"do": {"a": 1}}'):
            told.tell(raw)
            assert told.answer().data["code"] == "invalid_request"
        assert told.ask("send", chat_session_id=ids["open"], message="Still here").name == "done"


# The forms of each role, and their fields.
FORMS = {
    None: {
        "/login": ("email", "password", "next"),
        "/signup": ("name", "email", "password", "code"),
        "/language": ("language", "next"),
        "/links/nobodys": ("name", "email", "password"),
    },
    "client": {
        "/profile": ("name", "language", "headline", "rate"),
        "/sessions": ("agent_id", "message", "spending_limit"),
        "/sessions/{open}/messages": ("message", "key"),
        "/sessions/{open}/limit": ("spending_limit",),
        "/sessions/{open}/rating": ("rating", "comment", "public"),
    },
    "agent": {
        "/availability": ("available",),
        "/replies": ("shortcut", "message"),
        "/profile/page": ("time_zone", "monday", "holidays", "part", "first", "last", "spans", "languages"),
        "/sessions/{open}/transfer": ("agent_id", "text"),
        "/clients/{client}/notes": ("text", "key", "session"),
    },
    "admin": {
        "/admin/people": ("role", "name", "email", "headline", "rate"),
        "/admin/invitations": ("role",),
        "/admin/people/{client}": ("name", "headline", "rate"),
        "/admin/people/{client}/balance": ("kind", "amount", "reason"),
    },
}
IN_FORM = [
    "",
    "%00",
    "a%00b",
    "%FF%FE",
    "%ED%A0%80",
    "-1",
    "1e400",
    "NaN",
    "9" * 30,
    "x" * 5000,
    "%EF%BB%BF",
    "1&{}=2",
]
URLENCODED = "application/x-www-form-urlencoded"


def multipart(fields, more=""):
    """These fields as a browser sends files."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return "".join([*parts, "--x--\r\n"])


@pytest.mark.parametrize("role", FORMS)
def test_a_form_takes_anything(site, people, role):
    tokens, ids = people
    visitor = Visitor(site, site.client(tokens[role]) if role else None)
    csrf = visitor.csrf if role else ""
    right = {"name": "Camille", "email": "a@b.example", "role": "client", "kind": "top_up", "amount": "1"}
    right |= {"reason": "Bank", "message": "Bonjour", "shortcut": "hi", "language": "en", "csrf": csrf}

    def send(path, body, media_type=URLENCODED):
        answer = visitor.request("POST", path, body, Content_Type=media_type)
        assert answer.status in (200, 201, 303, 400, 401, 403, 404, 409, 413, 429), (path, body[:200])
        assert answer.headers.get_content_type() == "text/html"
        return answer

    for form, fields in FORMS[role].items():
        path = form.format(**ids)
        filled = {name: right[name] for name in (*fields, "csrf") if name in right}
        for field in fields:
            others = "&".join(f"{name}={value}" for name, value in filled.items() if name != field)
            for value in IN_FORM:
                send(path, f"{others}&{field}={value.format(field)}")
        whole = [
            multipart(filled),
            multipart(filled, '; filename="x"'),
            multipart(filled)[:-20],
            "--x\r\n",
            "",
        ]
        for body in whole:
            send(path, body, "multipart/form-data; boundary=x")
        send(path, multipart(filled), "multipart/form-data")
        send(path, json.dumps(filled), "application/json")
        send(path, "&".join(f"f{number}=" for number in range(3000)))
        send(path, b"\xff\xfe\0=\0&\xed\xa0\x80=%ZZ")
        if role:
            for wrong in ("csrf=", f"csrf=0&csrf={csrf}", "csrf=%FF", "csrf=%ED%A0%80", "x=1"):
                assert send(path, wrong).status == 403
    assert urlsplit(visitor.open("/").path).path
