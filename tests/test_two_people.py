"""Two people, up to three sessions, a stranger, and anything that they may do in any order.

A model says what the server must answer to each, and what each reader has seen after each step.
"""

from time import monotonic

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chat.settings import Settings
from tests.server import PASSWORD

PEOPLE = ("client", "agent")
# What each may write in a pause.
FEW = Settings().paused_messages
OTHER = {"client": "agent", "agent": "client"}
MAX_SESSIONS = 3
people = st.sampled_from(PEOPLE)
places = st.integers(0, MAX_SESSIONS - 1)
texts = st.sampled_from(["Bonjour", "Oui ?", "x" * 4000, "👩🏽‍⚕️ déjà", "<b>&amp;</b>", "a\nb"])


class Talk:
    """What is so of a session."""

    def __init__(self, id):
        self.id, self.status, self.end_reason, self.paused_by = id, "waiting", None, None
        # (id, sender, text) of each message; by (sender, key) those with one; up to where each has read.
        self.messages, self.keys, self.read = [], {}, dict.fromkeys(PEOPLE, 0)
        # Whether the agent has begun the bill, and the seconds that were let pass while it ran.
        self.is_billed, self.passed_seconds = False, 0

    def say(self, side, id, text):
        """The agent's first message after accepting starts the clock."""
        self.messages.append((id, side, text))
        self.is_billed |= side == "agent" and self.status != "waiting"

    def hear(self, side):
        """(status, code) of a message; in a pause each may write a few."""
        if self.status == "ended":
            return 409, "session_ended"
        if self.paused_by:
            if self.unpaid[side] == FEW:
                return 409, "session_paused"
            self.unpaid[side] += 1
        return 201, None

    def let_pass(self, seconds):
        if self.is_billed and self.status == "active":
            self.passed_seconds += seconds

    def act(self, side, action):
        """(status, code) of what the server must answer; and what is so then."""
        if (action in ("accept", "decline") and side != "agent") or (action == "cancel" and side != "client"):
            return 403, "forbidden"
        if action in ("decline", "cancel"):
            reason = "declined" if action == "decline" else "cancelled"
            if self.end_reason == reason:
                return 200, None
            if self.status == "waiting":
                self.status, self.end_reason = "ended", reason
                return 200, None
            return 409, "session_ended" if self.status == "ended" else "wrong_status"
        if action == "end":
            if self.status != "ended":
                asked = {"client": "cancelled", "agent": "declined"}
                self.end_reason = asked[side] if self.status == "waiting" else f"ended_by_{side}"
                self.status, self.paused_by = "ended", None
            return 200, None
        if self.status == "ended":
            return 409, "session_ended"
        if action == "accept":
            self.status = "active" if self.status == "waiting" else self.status
            return 200, None
        if self.status == "waiting":
            return 409, "wrong_status"
        if action == "pause":
            if self.paused_by == OTHER[side]:
                return 409, "wrong_status"
            if self.status == "active":
                self.unpaid = dict.fromkeys(PEOPLE, 0)
            self.status, self.paused_by = "paused", side
            return 200, None
        if self.paused_by == OTHER[side]:
            return 403, "forbidden"
        self.status, self.paused_by = "active", None
        return 200, None


class TwoPeople(RuleBasedStateMachine):
    """One run of them; `server` is set by the test."""

    server = None

    def __init__(self):
        super().__init__()
        made = {side: self.server.person(side) for side in PEOPLE}
        ids = {side: one.id for side, one in made.items()}
        self.people, self.agent_id = made, made["agent"].id
        self.stranger = self.server.person("client")
        rows = self.server.database.read(
            lambda db: dict(db.conn.execute("SELECT id, email FROM users").fetchall())
        )
        self.emails = {side: rows[ids[side]] for side in PEOPLE}
        self.talks, self.began = [], monotonic()
        # The inbox, as who goes on from a cursor knows it: (where they are, the cards, those that are gone).
        self.inboxes = {side: (0, {}, set()) for side in PEOPLE}
        # What each has seen of each session, by cursor and by last id: (where they are, the ids of messages).
        self.seen, self.numbers = {}, iter(range(10**6))

    def answered(self, answer, status, code=None):
        """What is told, which must be this; None if it was refused."""
        assert answer.status == status, (status, code, answer.body)
        if status >= 400:
            assert answer.json["code"] == code, answer.body
            return None
        return answer.json

    def talk(self, place):
        return self.talks[place % len(self.talks)]

    @initialize(texts=st.lists(texts, max_size=3))
    def begin(self, texts):
        """Most of what they may do they can in a session that is active."""
        self.ask("Bonjour")
        self.act("agent", 0, "accept")
        for text in texts:
            self.send("agent", 0, text, True)

    @rule(text=st.none() | texts)
    def ask(self, text):
        open_talk = next((talk for talk in self.talks if talk.status != "ended"), None)
        if open_talk is None and len(self.talks) == MAX_SESSIONS:
            return
        what = {"agent_id": self.agent_id} | ({} if text is None else {"message": text})
        answer = self.people["client"].post("/api/chat/sessions", what)
        told = self.answered(answer, 200 if open_talk else 201)
        if open_talk:
            assert (told["session"]["id"], told["duplicate"]) == (open_talk.id, True)
            return
        talk = Talk(told["session"]["id"])
        self.talks.append(talk)
        if text is not None:
            talk.say("client", told["session"]["last_message_id"], text)

    @precondition(lambda self: self.talks)
    @rule(
        side=people,
        place=places,
        action=st.sampled_from(["accept", "accept", "pause", "resume", "end", "decline", "cancel"]),
    )
    def act(self, side, place, action):
        talk = self.talk(place)
        told = self.answered(self.people[side].do(action, talk.id), *talk.act(side, action))
        if told:
            session = told["session"]
            assert (session["status"], session["end_reason"]) == (talk.status, talk.end_reason)

    @precondition(lambda self: self.talks)
    @rule(side=people, place=places, text=texts, is_keyed=st.booleans())
    def send(self, side, place, text, is_keyed):
        talk, key = self.talk(place), f"k{next(self.numbers)}"
        answer = self.people[side].send(talk.id, text, **({"client_message_id": key} if is_keyed else {}))
        told = self.answered(answer, *talk.hear(side))
        if told:
            assert not [id for id, _, _ in talk.messages if id >= told["messageId"]]
            talk.say(side, told["messageId"], text)
            if is_keyed:
                talk.keys[side, key] = told["messageId"], text

    @precondition(lambda self: any(talk.keys for talk in self.talks))
    @rule(place=places, is_other=st.booleans(), by_header=st.booleans())
    def send_again(self, place, is_other, by_header):
        keyed = [(talk, *each) for talk in self.talks for each in talk.keys.items()]
        talk, (side, key), (id, text) = keyed[place % len(keyed)]
        body = {"chat_session_id": talk.id, "message": "Another" if is_other else f" {text} "}
        header = {"Idempotency_Key": key} if by_header else {}
        content = body if by_header else {**body, "client_message_id": key}
        answer = self.people[side].post("/api/chat/message", content, **header)
        told = self.answered(answer, *((409, "idempotency_mismatch") if is_other else (200, None)))
        assert told in (None, {"success": True, "messageId": id, "duplicate": True})

    @precondition(lambda self: self.talks)
    @rule(side=people, place=places, limit=st.integers(1, 4), by_cursor=st.booleans())
    def fetch(self, side, place, limit, by_cursor):
        """Go on from where they were: nothing twice, nothing left out, in order."""
        talk = self.talk(place)
        at, seen = self.seen.setdefault((side, talk.id, by_cursor), (0, []))
        position = {"cursor": at} if by_cursor else {"lastMessageId": at}
        told = self.answered(self.people[side].fetch(talk.id, limit=limit, **position), 200)
        if told:
            seen += [message["id"] for message in told["messages"]]
            place_now = told["cursor"] if by_cursor else max([at, *seen])
            self.seen[side, talk.id, by_cursor] = place_now, seen
            all_ids = [id for id, _, _ in talk.messages]
            assert seen == all_ids[: len(seen)]
            assert told["has_more"] == (len(seen) < len(all_ids))
            assert len(told["messages"]) == limit or not told["has_more"]

    @precondition(lambda self: any(talk.messages for talk in self.talks))
    @rule(side=people, place=places, number=st.integers(0, 20), limit=st.integers(1, 4))
    def history(self, side, place, number, limit):
        talk = self.talk(place)
        ids = [id for id, _, _ in talk.messages]
        before = ids[number % len(ids)] if ids else 1
        told = self.answered(self.people[side].fetch(talk.id, beforeMessageId=before, limit=limit), 200)
        if told:
            older = [id for id in ids if id < before]
            assert [message["id"] for message in told["messages"]] == older[-limit:]
            assert told["has_more"] == (len(older) > limit)

    @precondition(lambda self: any(talk.messages for talk in self.talks))
    @rule(side=people, place=places, number=st.integers(0, 20), beyond=st.integers(0, 1000))
    def read(self, side, place, number, beyond):
        talk = self.talk(place)
        ids = [id for id, _, _ in talk.messages] or [0]
        upto = ids[number % len(ids)] + (beyond if number == 0 else 0) or 1
        answer = self.people[side].post("/api/chat/read", {"chat_session_id": talk.id, "message_id": upto})
        if self.answered(answer, 200):
            talk.read[side] = max(talk.read[side], min(upto, ids[-1]))

    @precondition(lambda self: self.talks)
    @rule(side=people, place=places, is_typing=st.booleans())
    def type(self, side, place, is_typing):
        body = {"chat_session_id": self.talk(place).id, "typing": is_typing}
        self.answered(self.people[side].post("/api/chat/typing", body), 200)

    @precondition(lambda self: any(talk.is_billed for talk in self.talks))
    @rule(seconds=st.sampled_from([30, 61, 150]))
    def time_passes(self, seconds):
        self.server.advance(seconds)
        for talk in self.talks:
            talk.let_pass(seconds)

    @precondition(lambda self: self.talks)
    @rule(side=people, place=places)
    def sign_out_and_in_again(self, side, place):
        who, id = self.people[side], self.talk(place).id
        self.answered(who.post("/api/auth/logout"), 200)
        read = {"chat_session_id": id, "message_id": 1}
        for answer in (who.fetch(id), who.send(id, "Trop tard"), who.do("end", id), who.inbox()):
            self.answered(answer, 401, "not_authenticated")
        self.answered(who.post("/api/chat/read", read), 401, "not_authenticated")
        body = {"email": self.emails[side], "password": PASSWORD}
        answer = self.server.client().post("/api/auth/login", body)
        assert (answer.status, answer.json["user"]["role"]) == (200, side)
        who.token = answer.json["token"]
        if side == "agent":  # Who is signed in nowhere takes no requests.
            self.answered(who.post("/api/chat/agents/me", {"available": True}), 200)

    @precondition(lambda self: self.talks)
    @rule(place=places)
    def a_stranger_tries(self, place):
        id, who = self.talk(place).id, self.stranger
        body = {"chat_session_id": id, "message": "Coucou", "client_message_id": "k0", "message_id": 1}
        for path in ("/api/chat/message", "/api/chat/read", "/api/chat/typing"):
            answer = who.post(path, body)
            assert (answer.status, answer.json["code"]) == (404, "not_found")
        for answer in (who.fetch(id), who.do("end", id), who.get(f"/api/chat/sessions/{id}/receipt")):
            assert (answer.status, answer.json["code"]) == (404, "not_found")
        assert who.inbox().json["sessions"] == []

    @invariant()
    def everybody_sees_what_is_so(self):
        for side in PEOPLE:
            cards, gone = self.go_on(side)
            for talk in self.talks:
                page = self.people[side].fetch(talk.id).json
                told = [(each["id"], each["sender_type"], each["message"]) for each in page["messages"]]
                assert told == talk.messages
                for each in page["messages"]:
                    assert each["is_read"] == (each["id"] <= talk.read[OTHER[each["sender_type"]]])
                for session in [page["session"], *([] if talk.id in gone else [cards[talk.id]])]:
                    self.is_so(talk, session)
                self.costs(talk, page["session"])

    def go_on(self, side):
        """Their inbox, from where they were."""
        cursor, cards, gone = self.inboxes[side]
        news = self.people[side].inbox(cursor=cursor).json
        cards |= {card["id"]: card for card in news["sessions"]}
        gone |= set(news["removed"])
        self.inboxes[side] = news["cursor"], cards, gone
        return cards, gone

    def is_so(self, talk, session):
        """What is told of it."""
        assert (session["status"], session["end_reason"]) == (talk.status, talk.end_reason)
        assert session["pause_reason"] == (talk.paused_by and f"paused_by_{talk.paused_by}")
        assert (session["client_read_id"], session["agent_read_id"]) == tuple(talk.read.values())
        assert session["last_message_id"] == max([0, *(id for id, _, _ in talk.messages)])

    def costs(self, talk, session):
        """The clock ran while it was active, and each begun minute has its price."""
        longest = talk.passed_seconds + (monotonic() - self.began if talk.is_billed else 0)
        assert talk.passed_seconds <= session["duration_seconds"] <= longest
        assert (
            session["billed_minutes"] == session["duration_minutes"] == -(-session["duration_seconds"] // 60)
        )
        assert session["total_cost"] == session["billed_minutes"] * 2.5


def run(start, **how):
    """Nothing happens by itself, however slow the machine is."""
    seconds = dict.fromkeys(("absence_seconds", "request_seconds", "silence_pause_seconds"), 80_000)
    server = start(logins_per_minute=0, silence_prompt_seconds=80_000, silence_end_seconds=80_000, **seconds)
    machine = type("Run", (TwoPeople,), {"server": server})
    quiet = settings(
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        # What fails is told as it was found: to look for fewer steps takes longer than a test may.
        phases=[Phase.generate],
        **how,
    )
    run_state_machine_as_test(machine, settings=quiet)
    assert "Traceback" not in server.log


def test_two_people_in_any_order(start):
    run(start, max_examples=15, stateful_step_count=30)


@pytest.mark.soak
def test_two_people_in_any_order_for_long(start):
    run(start, max_examples=150, stateful_step_count=80)
