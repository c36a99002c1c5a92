"""No word leaks: every route, with every id that is somebody else's, for everybody whose it is not.

What is not yours is answered as what does not exist, to the byte, and nothing that was said or is kept of
others is in any answer. A route that is new is not known how to be asked, and fails.
"""

import json
import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest

from app import create_app
from chat import indexing, people, tokens, webhooks, widgets
from chat.accounts import User, hash_token
from chat.settings import Settings
from tests.client import Client
from tests.pages.house import NOWHERE
from tests.pages.visitor import Visitor
from tests.streams import HANDSHAKE, SSE, WS
from tests.test_attachments import multipart, send

SESSION, MESSAGE, CLIENT, AGENT, ADMIN, REPLY, ENTRY, OWN = (
    "<session>",
    "<message>",
    "<client>",
    "<agent>",
    "<admin>",
    "<reply>",
    "<entry>",
    "<own>",
)
PUSHED = "https://push.invalid/a"
REPORT, NOTE, TOKEN, HOOK, WIDGET = "<report>", "<note>", "<token>", "<hook>", "<widget>"
IN_PATH = {
    "chat_session_id": [SESSION],
    "message_id": [MESSAGE],
    "user_id": [CLIENT, AGENT, ADMIN],
    # Agents have a page for everybody, the others none.
    "agent_id": [CLIENT, ADMIN],
    "name": ["nobodys"],
    "reply_id": [REPLY],
    "payment_id": [NOWHERE],
    "report_id": [REPORT],
    "note_id": [NOTE],
    "token_id": [TOKEN],
    "webhook_id": [HOOK],
    "widget_id": [WIDGET],
    # Whoever has one knows no more than a website does.
    "key": ["nobodys-key"],
    "delivery_id": [NOWHERE],
    # Whoever has a link is who it is for.
    "token": ["nobodys-link"],
    "kind": ["txt", "json", "xml"],
    "filename": ["css/tokens.css"],
}
ACTIONS = {
    "conversations.act": (
        *("accept", "decline", "cancel", "end", "pause", "resume", "limit", "transfer", "agree", "refuse"),
        "rating",
    ),
    "administration.act_on_person": (
        "disable",
        "enable",
        "reset",
        "balance",
        "block",
        "unblock",
        "reset-code",
        "mail",
    ),
    "hooks.act": ("on", "off", "test", "rotate", "delete"),
}
# What is asked with, by endpoint: each of these, one after the other.
QUERIES = {
    "fetching.fetch": [{"beforeMessageId": MESSAGE}, {"lastMessageId": 0}, {"cursor": 0}],
    "sessions.listed": [
        {},
        {"cursor": 0},
        {"cursor": 0, "peers": f"{SESSION}:away"},
        {"status": "ended", "beforeSessionId": SESSION},
    ],
    "agents.listed": [{"afterAgentId": 0}, {"afterAgentId": CLIENT}],
    "agents.show": [{}, {"beforeSessionId": SESSION}],
    "asking.show": [{}, {"before": SESSION}],
    "agents.balance": [{}, {"beforeEntryId": ENTRY}],
    "order.list_blocks": [{}, {"userId": AGENT}, {"userId": CLIENT, "beforeBlockId": 99}],
    "order.list_reports": [{}, {"beforeReportId": REPORT}],
    "clients.show": [{}, {"beforeSessionId": SESSION, "beforeNoteId": NOTE}],
    "files.show": [{}, {"session": SESSION, "part": "file"}, {"before": SESSION, "before_note": NOTE}],
    "missed.listed": [{}, {"beforeSessionId": SESSION}],
    "desk.list_missed": [{}, {"before": SESSION}],
    "order.list_acts": [{}, {"userId": CLIENT, "beforeEntryId": ENTRY}],
    "keeping.list_acts": [{"q": "kanarie"}],
    "search.find": [{"q": "kanarie"}, {"q": "kanarie", "beforeMessageId": MESSAGE}, {"q": f"c{CLIENT}"}],
    "searching.show": [{"q": "kanarie"}, {"q": "kanarie", "before": MESSAGE}],
    "keeping.list_reports": [{}, {"before": REPORT}],
    "webhooks.list_deliveries": [{}, {"beforeDeliveryId": 99}],
    "earnings.show": [{}, {"agentId": AGENT}],
    "answering.show": [{}, {"agentId": AGENT}, {"agentId": AGENT, "format": "csv"}],
    "streaming.of_session": [{"cursor": 0}],
    "sockets.of_session": [{"cursor": 0}],
    "asking.listed": [{}, {"after": CLIENT}],
    "asking.request_page": [{"agent_id": CLIENT}, {"agent_id": ADMIN}, {"again": SESSION}],
    "conversations.history": [{}, {"before": SESSION}],
    "conversations.show": [{}, {"before": MESSAGE}, {"around": MESSAGE}],
    "desk.show": [{}, {"before": MESSAGE}],
    "profile.balance": [{}, {"before": ENTRY}],
    "administration.list_people": [{"q": "kanarie", "before": CLIENT}],
    "administration.list_sessions": [{"q": "kanarie", "before": SESSION}],
    "entrance.login_page": [{"next": "/profile"}],
}
NOTHING = [{}]
BODIES = {
    "attachments.add": [{"message": "Coucou"}],
    "sending.send": [{"chat_session_id": SESSION, "message": "Coucou"}],
    "sending.edit": [{"message": "Coucou"}],
    "sending.delete": NOTHING,
    "signals.read": [
        {"chat_session_id": SESSION, "message_id": MESSAGE},
        {"chat_session_id": OWN, "message_id": MESSAGE},
    ],
    "signals.typing": [{"chat_session_id": SESSION, "typing": True}],
    "sessions.ask": [{"agent_id": CLIENT}, {"agent_id": ADMIN, "message": "Bonjour"}],
    **dict.fromkeys(
        (f"sessions.{name}" for name in ("accept", "decline", "cancel", "end", "pause")), NOTHING
    ),
    **dict.fromkeys(("sessions.resume", "sessions.refuse"), NOTHING),
    "sessions.agree": [{"agent_id": AGENT, "rate_per_minute": 5}],
    "sessions.limit": [{"spending_limit": 5}],
    "sessions.transfer": [{"agent_id": AGENT, "text": "?"}],
    "clients.add": [{"text": "?"}, {"text": "?", "chat_session_id": SESSION}],
    "clients.change": [{"text": "?"}],
    "clients.delete": NOTHING,
    "files.add": [{"text": "?", "key": "?"}, {"text": "?", "session": SESSION}],
    "files.change": [{"text": "?"}],
    "files.delete": NOTHING,
    "sessions.rating": [{"rating": 1, "comment": "?"}],
    "sessions.rate": [{"rating": 1, "comment": "?", "public": True}],
    "agents.change": [{}],
    "agents.patch": [{}],
    "agents.set_picture": NOTHING,
    **dict.fromkeys(("agents.hide_review", "agents.show_review", "first_steps.put_away"), NOTHING),
    **dict.fromkeys(("own_page.change", "own_page.set_picture", "own_page.delete_picture"), NOTHING),
    "keeping.change_review": [{"hidden": "1"}],
    "agents.change_balance": [{"user_id": CLIENT, "kind": "top_up", "amount": 5, "reason": "?"}],
    "earnings.pay_out": [{"agent_id": AGENT, "amount": 5, "reason": "?"}],
    "payments.create": [{"amount": 5}],
    "payments.refund": [{"amount": 5}],
    "payments.hear_stripe": NOTHING,
    "paying.begin": [{"amount": "5", "key": "?"}],
    "statements.pay_out": [{"kind": "payout", "amount": "5", "reason": "?", "key": "?"}],
    "bookkeeping.ask": [{"remark": "?"}],
    "bookkeeping.credit": [{"amount": 1, "reason": "?"}],
    "books.ask": [{"remark": "?"}],
    "books.credit": [{"amount": "1", "reason": "?", "key": "?"}],
    "missed.answer": [{"answer": "?"}],
    "push.subscribe": [{"endpoint": PUSHED, "keys": {"p256dh": "?", "auth": "?"}}],
    "push.unsubscribe": [{"endpoint": PUSHED}],
    "push.send_test": [{"endpoint": PUSHED}],
    "push.look": [{"page": "?", "looking": True}],
    "desk.answer_missed": [{"answer": "?"}],
    "order.block": [{"client_id": CLIENT, "reason": "?"}],
    "order.lift": NOTHING,
    "order.report": [{"reason": "abuse", "remark": "?"}],
    "order.finish": [{"note": "?"}],
    "keeping.report": [{"reason": "abuse", "remark": "?"}],
    "keeping.block": [{"reason": "?"}],
    "keeping.lift": NOTHING,
    "keeping.finish": [{"note": "?"}],
    "tokens.create": [{"label": "?", "password": "wrong horse"}],
    "tokens.revoke": NOTHING,
    "api_tokens.create": [{"label": "?", "password": "wrong horse"}],
    "api_tokens.revoke": NOTHING,
    "webhooks.add": [{"label": "?", "url": "https://hooks.invalid/a", "events": ["message.created"]}],
    "webhooks.change": [{"label": "?"}],
    **dict.fromkeys(
        (f"webhooks.{name}" for name in ("turn_on", "turn_off", "rotate", "remove", "send_test")), NOTHING
    ),
    "webhooks.send_again": NOTHING,
    "hooks.add": [{"label": "?", "url": "https://hooks.invalid/a", "events": "message.created"}],
    "hooks.change": [{"label": "?"}],
    "hooks.act": NOTHING,
    "hooks.send_again": NOTHING,
    "guests.create": [{"key": "nobodys-key", "name": "?"}],
    "widget.keep": [{"email": "kanarie@nowhere.example"}],
    "widgets.add": [{"label": "?", "origins": "nowhere"}],
    "widgets.change": [{"label": "?", "origins": "nowhere"}],
    "widgets.revoke": NOTHING,
    "login.log_in": [{"email": "kanarie@nowhere.example", "password": "wrong horse"}],
    "entrance.log_in": [{"email": "kanarie@nowhere.example", "password": "wrong horse"}],
    "entrance.take_second_step": [{"step": "?", "code": "123456"}],
    "second_step.begin": NOTHING,
    "second_step.confirm": [{"step": "?", "code": "123456"}],
    "second_step.turn_off": [{"password": "wrong horse", "code": "123456"}],
    "entrance.sign_up": [{"email": "no email", "password": "x"}],
    "entrance.set_up": [{"code": "?", "email": "a@nowhere.example", "password": "correct horse"}],
    "entrance.follow_link": [{"password": "x"}],
    "entrance.ask_link": [{"email": "kanarie@nowhere.example"}],
    "entrance.choose_language": [{"language": "en"}],
    "profile.change": [{"name": ""}],
    "profile.switch_mails": [{"mails": "0"}],
    "profile.change_password": [{"password": "wrong horse", "new_password": "correct horse"}],
    "asking.ask": [{"agent_id": CLIENT}, {"agent_id": ADMIN, "rate_cents": "5", "message": "Bonjour"}],
    "conversations.send": [{"message": "Coucou"}],
    "conversations.edit_message": [{"message": "Coucou"}],
    "conversations.delete_message": NOTHING,
    "conversations.act": [{"spending_limit": "5", "rating": "1", "agent_id": AGENT, "rate_cents": "5"}],
    "desk.switch": [{"available": "1"}],
    "desk.save_reply": [{"shortcut": "own", "message": "own"}],
    "desk.delete_reply": NOTHING,
    "administration.create_person": [{"name": "", "email": "no email"}],
    "administration.invite": [{"role": "client"}],
    "administration.change_person": [{"name": "?"}],
    "privacy.erase": [{}, {"confirm": "1"}],
    "administration.act_on_person": [{"kind": "top_up", "amount": "5", "reason": "?"}],
}
# These end the sign-in itself, or go on for as long as one listens: they have tests of their own.
APART = {"login.log_out", "entrance.log_out", "streaming.of_inbox", "sockets.of_inbox", "diagnosis.echo"}
# An administrator sees to everybody.
OFFICE = (
    *(
        "administration.",
        "privacy.erase",
        "privacy.show",
        "diagnosis.",
        "conversations.transcript",
        "agents.change_balance",
    ),
    *("order.block", "order.lift", "order.list_blocks", "order.list_reports", "order.finish"),
    *("keeping.list_reports", "keeping.finish", "keeping.list_acts", "order.list_acts"),
    *("attachments.show", "clients.", "files.", "webhooks.", "hooks.", "widgets.", "search.", "searching."),
    *("figures.", "answering.", "agents.hide_review", "agents.show_review", "keeping.change_review"),
    *("first_steps.", "books.", "bookkeeping.", "sessions.receipt", "earnings.", "statements.", "payments."),
)
ADMINISTRATORS = ("administration.", "diagnosis.", "webhooks.", "hooks.", "widgets.", "first_steps.")
ADMINISTRATORS += ("figures.show_house", "figures.show_agent", "answering.show_here")


@dataclass
class House:
    """Some people's affairs, and others who have affairs of their own."""

    ids: list[dict[str, object]]
    canaries: list[str]
    outsiders: dict[str | None, Visitor]
    own: dict[str | None, int]
    owners: tuple[Client, Client]
    open_id: int


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path_factory.mktemp('app')}/chat.db"))
    yield sorted(app.url_map.iter_rules(), key=lambda rule: rule.endpoint)
    app.extensions["chat"].close()


@pytest.fixture(scope="module")
def house(site):
    """Sessions in every state, and a canary wherever somebody can write something."""
    texts = (f"kanarie{number}x{site.path.stat().st_ino}" for number in range(1, 100))
    canaries = []

    def canary():
        canaries.append(next(texts))
        return canaries[-1]

    admin = site.person("admin", canary())
    client, agent, other = site.person("client", canary()), site.person("agent"), site.person("agent")
    Visitor(site, agent).post("/replies", shortcut="own", message=canary())
    reason = {"user_id": client.id, "kind": "top_up", "amount": 50, "reason": canary()}
    assert admin.pay("/api/chat/balance", reason).status == 201
    sessions = {}
    for state in ("waiting", "active", "paused", "ended"):
        one = site.person("agent") if state == "waiting" else agent
        asked = client.ask(agent_id=one.id, message=canary(), spending_limit=77)
        sessions[state] = asked["id"]
        if state != "waiting":
            agent.do("accept", asked["id"])
            agent.send(asked["id"], canary(), client_message_id=canary())
            client.send(asked["id"], canary())
        if state == "paused":
            client.do("pause", asked["id"])
        if state == "ended":
            client.do("end", asked["id"])
            client.do("rating", asked["id"], rating=2, comment=canary())
        if state in ("active", "paused"):
            # A client has one open session with an agent.
            client = site.person("client", canary())
    # Everybody could see this request; what was said since is theirs.
    client = site.person("client", canary())
    taken = client.ask(message="Bonjour")["id"]
    agent.do("accept", taken)
    client.send(taken, canary())
    sessions["taken"] = taken
    dearer = site.person("agent", rate_cents=990)
    agent.do("transfer", taken, agent_id=dearer.id, text=canary())
    kept = agent.post(f"/api/chat/clients/{client.id}/notes", {"text": canary(), "chat_session_id": taken})
    assert kept.status == 201
    report = client.post(f"/api/chat/sessions/{taken}/reports", {"reason": "abuse", "remark": canary()})
    assert report.status == 201
    assert agent.post("/api/chat/blocks", {"client_id": client.id, "reason": canary()}).status == 200
    token, shown = tokens.issue(site.runtime, client.id, canary(), 30)
    hook, secret = webhooks.add(
        site.runtime, None, canary(), "https://hooks.invalid/a", webhooks.EVENTS, True
    )
    webhooks.turn(site.runtime, None, hook["id"], False)
    widget = widgets.add(site.runtime, None, canary(), ["https://shop.example"])
    indexing.catch_up(site.runtime)
    link = people.reset(site.runtime, User(admin.id, "admin", "", b""), client.id)
    assert send(client, taken, canary().encode(), f"{canary()}.txt", message=canary()).status == 201
    rows = site.database.read(
        lambda db: {
            "emails": [row["email"] for row in db.conn.execute("SELECT email FROM users")],
            "message": db.conn.execute("SELECT max(id) FROM messages").fetchone()[0],
            "entry": db.conn.execute("SELECT max(id) FROM ledger").fetchone()[0],
            "reply": db.conn.execute("SELECT max(id) FROM replies").fetchone()[0],
        }
    )
    canaries += [*rows["emails"], link, client.token, agent.token, hash_token(client.token).hex()]
    canaries += [token, secret, widget["key"]]
    everybody = {CLIENT: client.id, AGENT: other.id, ADMIN: admin.id}
    everybody |= {REPORT: report.json["report"]["id"], NOTE: kept.json["note"]["id"]}
    everybody |= {TOKEN: shown["id"], HOOK: hook["id"], WIDGET: widget["id"]}
    everybody |= {MESSAGE: rows["message"], ENTRY: rows["entry"], REPLY: rows["reply"]}
    own = site.conversation()
    outsiders = {
        "client": Visitor(site, own.client),
        "agent": Visitor(site, own.agent),
        "admin": Visitor(site, site.person("admin")),
        None: Visitor(site),
    }
    return House(
        [{**everybody, SESSION: session} for session in sessions.values()],
        canaries,
        outsiders,
        {"client": own.id, "agent": own.id, "admin": NOWHERE, None: NOWHERE},
        (client, agent),
        taken,
    )


def filled(value, ids):
    """The value, with these ids in the places of their names."""
    if isinstance(value, dict):
        return {name: filled(each, ids) for name, each in value.items()}
    if isinstance(value, str):
        for name, id in ids.items():
            if value == name:
                return id
            value = value.replace(name, str(id))
    return value


def paths(rule):
    """Its path with each of the values that its parts may have."""
    found = [rule.rule]
    for part in re.findall("<([^>]+)>", rule.rule):
        name = part.partition(":")[2] or part
        values = ACTIONS[rule.endpoint] if name == "action" else IN_PATH[name]
        found = [path.replace(f"<{part}>", str(value)) for path in found for value in values]
    return found


def asked(rule):
    """(method, path, query, body) of all that can be asked of a route; KeyError for one that is new."""
    for path in paths(rule):
        if writing := rule.methods & {"POST", "PATCH"}:
            yield from ((*writing, path, {}, body) for body in BODIES[rule.endpoint])
        else:
            for query in QUERIES.get(rule.endpoint, NOTHING):
                yield from ((method, path, query, None) for method in ("GET", "HEAD", "OPTIONS"))


def answer_to(who, rule, ids, method, path, query, body):
    """(status, headers, body, path) of what `who` asks."""
    here = filled(path, ids) + (f"?{urlencode(filled(query, ids))}" if query else "")
    headers = HANDSHAKE if rule.websocket else {}
    if body is None:
        answer = who.request(method, here, **headers)
    elif rule.endpoint == "attachments.add":
        form, kind = multipart(b"Coucou", "a.txt", **body)
        answer = who.request("POST", here, form, Content_Type=kind)
    elif rule.rule.startswith("/api/"):
        body = json.dumps(filled(body, ids))
        answer = who.request(method, here, body, Content_Type="application/json")
    else:
        answer = who.post(here, filled(body, ids))
    of_the_moment = ("Date", "X-Request-Id")
    lines = sorted(f"{name}: {value}" for name, value in answer.headers.items() if name not in of_the_moment)
    return answer.status, "\n".join(lines), answer.body.decode(), here


def masked(answer):
    """Without the form's token, which is random, and the address that was asked for."""
    status, headers, body, here = answer
    body = re.sub('"csrf" value="[^"]*"', "", body)
    for address in sorted({here, here.partition("?")[0], quote(here, safe="/?")}, key=len, reverse=True):
        headers, body = headers.replace(address, "HERE"), body.replace(address, "HERE")
    if status == 303:  # Whose text tells where to, so that it is as long as the address.
        headers = re.sub(r"Content-Length: \d+\n", "", headers)
    return status, headers, body


def test_every_route_is_known_how_to_be_asked(rules):
    for rule in rules:
        if rule.endpoint not in APART:
            assert list(asked(rule)), rule
    known = {*BODIES, *QUERIES, *APART} - {"sessions.rating"}
    assert known <= {rule.endpoint for rule in rules}


def test_every_id_in_a_query_is_asked_with(rules, site):
    described = site.client().get("/api/openapi.json").json["paths"]
    for rule in rules:
        path = rule.rule.replace("<", "{").replace(">", "}")
        is_get = "GET" in rule.methods and path in described
        for parameter in described[path]["get"]["parameters"] if is_get else ():
            if parameter["in"] == "query" and parameter["name"].endswith("Id"):
                assert any(parameter["name"] in query for query in QUERIES[rule.endpoint]), parameter


@pytest.mark.parametrize("role", ["client", "agent", "admin", None])
def test_what_is_not_yours_is_as_what_does_not_exist(site, house, rules, role):
    who, own = house.outsiders[role], {OWN: house.own[role]}
    before = [row.show(house.open_id) for row in house.owners]
    for rule in rules:
        is_office = role == "admin" and rule.endpoint.startswith(OFFICE)
        if rule.endpoint in APART or is_office:
            continue
        for method, path, query, body in asked(rule):
            request, named = (method, path, query, body), json.dumps([path, body])
            is_named = any(name in named for name in house.ids[0])
            unknown = dict.fromkeys(house.ids[0], NOWHERE) | own
            nobody = masked(answer_to(who, rule, unknown, *request)) if is_named else None
            is_each = method in ("GET", "POST") and SESSION in json.dumps([named, query])
            for ids in house.ids if is_each else house.ids[:1]:
                answer = answer_to(who, rule, {**ids, **own}, *request)
                shown = f"{role}: {method} {answer[3]} {body}: {answer[0]}"
                told = answer[1] + answer[2]
                assert not [each for each in house.canaries if each in told], shown
                assert answer[0] < 500, shown
                if SESSION in named and method != "OPTIONS":
                    assert answer[0] in ({303, 401, 400} if role is None else {400, 403, 404}), shown
                if is_named:
                    assert masked(answer) == nobody, shown
    after = [row.show(house.open_id) for row in house.owners]
    passing = ("server_time", "duration_seconds", "seconds_left", "client", "agent")
    for was, is_now in zip(before, after, strict=True):
        for each in (was, is_now):
            each["transfer"].pop("status")  # Who would go on is not there for ever.
        assert {**was, **dict.fromkeys(passing)} == {**is_now, **dict.fromkeys(passing)}


@pytest.mark.parametrize("role", ["client", "agent"])
def test_the_office_is_for_administrators(house, rules, role):
    who = house.outsiders[role]
    office = [rule for rule in rules if rule.endpoint.startswith(ADMINISTRATORS)]
    assert len(office) > 10
    for rule in office:
        for method, path, query, body in asked(rule):
            if method != "OPTIONS":
                answer = answer_to(who, rule, house.ids[0], method, path, query, body)
                assert answer[0] == 403, answer


@pytest.mark.parametrize("listen", [SSE, WS])
def test_a_stream_tells_an_outsider_nothing(site, house, listen):
    client, agent = house.owners
    kind = "stream" if listen is SSE else "ws"
    for role in ("client", "agent", "admin"):
        who = house.outsiders[role]
        mine = site.conversation() if role == "admin" else None
        listener = mine.client if mine else who.person
        my_id = mine.id if mine else house.own[role]
        with listen(listener, f"/api/chat/{kind}") as told:
            told.one("open")
            agent.send(house.open_id, house.canaries[0])
            client.post("/api/chat/typing", {"chat_session_id": house.open_id, "typing": True})
            assert listener.send(my_id, "Mine").status == 201
            events = told.until("message", lambda data: data["message"] == "Mine")
            assert house.canaries[0] not in json.dumps([event.data for event in events])
            assert str(house.open_id) not in [
                str(key) for event in events for key in event.data.get("peers", {})
            ]
