"""Who is told of a change: the same by whoever commits it and by the poll loop that finds it, nobody else."""

from contextlib import ExitStack

import pytest

from chat import accounts, agents, changes, edits, messages, signals, store, transitions
from chat.accounts import User
from chat.live import topics
from chat.live.doorbell import PollLoop
from chat.live.hub import Hub
from chat.runtime import Runtime
from chat.settings import Settings

LONG_AGO = 0.0
INBOXES = ("client", "rival", "agent", "other")


class Office:
    """Two clients, two agents, and the hubs of two processes that know each other by the database only."""

    def __init__(self, path):
        self.runtime = Runtime(Settings(database_url=f"sqlite:///{path}"))
        self.runtime.prepare()
        self.people = {name: self._sign_in(name) for name in INBOXES}
        self.far, self._poll_loop = Hub(1000, 1000, 1000), PollLoop(self.runtime.database)
        self._poll_loop.skip()
        self._notice = self._poll_loop.look

    def _sign_in(self, name):
        role = "client" if name in ("client", "rival") else "agent"
        runtime, email = self.runtime, f"{name}@example.org"
        user_id = accounts.create_user(runtime, role, name, email, "correct horse", 100)
        runtime.database.write(lambda db: store.users.set_available(db, user_id, True))
        runtime.database.write(lambda db: changes.arrive(db, runtime.settings, [user_id]))
        return User(user_id, role, name, accounts.hash_token(accounts.issue_token(runtime, user_id)))

    def ask(self, agent=None, text=None, client="client"):
        agent_id = self.people[agent].id if agent else None
        return transitions.request(self.runtime, self.people[client], agent_id, text, None, 1000)[0]["id"]

    def talk(self, agent="agent"):
        """An active session."""
        session_id = self.ask(agent)
        transitions.accept(self.runtime, self.people[agent], session_id)
        self.send("client", session_id)
        return session_id

    def send(self, who, session_id):
        return messages.send(self.runtime, self.people[who], session_id, "Bonjour", None)[0]

    def heard(self, session_id, act):
        """Who hears of what `act` changes: (from this process, from the other), as names of who waits.

        `session_id` None is the session that `act` returns.
        """
        self._notice(self.far)
        head = self.runtime.database.read(store.revision.head)
        with ExitStack() as stack:
            # Its id is the next one.
            session_id = session_id or 1 + self.runtime.database.read(
                lambda db: max(store.sessions.all_ids(db), default=0)
            )
            waiting = [self._wait(stack, hub, session_id) for hub in (self.runtime.hub, self.far)]
            act()
            self._notice(self.far)
            return tuple(
                {name for name, waiter in waiters.items() if waiter.wait(head, LONG_AGO)}
                for waiters in waiting
            )

    def _wait(self, stack, hub, session_id):
        awaited = {f"{name}'s inbox": topics.of_inbox(who.id, who.role) for name, who in self.people.items()}
        awaited |= {
            f"{name}'s sign-in": [topics.of_sign_in(who.token_hash)] for name, who in self.people.items()
        }
        awaited |= {"messages": [topics.of_messages(session_id)], "session": [topics.of_session(session_id)]}
        return {name: stack.enter_context(hub.subscribe(1, names)) for name, names in awaited.items()}


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path / "chat.db")
    yield office
    office.runtime.close()


BOTH = {"client's inbox", "agent's inbox", "session"}
ALL_AGENTS = {"client's inbox", "agent's inbox", "other's inbox", "session"}


def _transition(name, who, *more):
    return lambda office, session_id: getattr(transitions, name)(
        office.runtime, office.people[who], session_id, *more
    )


REQUESTS = {
    "to an agent": (lambda office: office.ask("agent"), BOTH),
    "to an agent, with words": (lambda office: office.ask("agent", "Bonjour"), {*BOTH, "messages"}),
    "to any agent": (lambda office: office.ask(), ALL_AGENTS),
    "to any agent, with words": (lambda office: office.ask(None, "Bonjour"), {*ALL_AGENTS, "messages"}),
}
# How it began, what is done, who hears of it.
CHANGES = {
    "a request is accepted": ("agent", _transition("accept", "agent"), BOTH),
    "a request to any is accepted": (None, _transition("accept", "agent"), ALL_AGENTS),
    "a request is declined": ("agent", _transition("decline", "agent"), {*BOTH, "messages"}),
    "a request is taken back": ("agent", _transition("cancel", "client"), {*BOTH, "messages"}),
    "a request to any is taken back": (
        None,
        _transition("cancel", "client"),
        {*ALL_AGENTS, "messages"},
    ),
    "a message": ("talk", lambda office, session_id: office.send("agent", session_id), {*BOTH, "messages"}),
    "a pause": ("talk", _transition("pause", "client"), BOTH),
    "a limit": ("talk", _transition("limit", "client", 5000), BOTH),
    "the end": ("talk", _transition("end", "client"), {*BOTH, "messages"}),
    "a hand-over": (
        "talk",
        lambda office, session_id: transitions.transfer(
            office.runtime, office.people["agent"], session_id, office.people["other"].id
        ),
        ALL_AGENTS,
    ),
    "something is read": (
        "talk",
        lambda office, session_id: signals.mark_read(office.runtime, office.people["agent"], session_id, 1),
        BOTH,
    ),
    "something has arrived": (
        "talk",
        lambda office, session_id: changes.publish(
            office.runtime,
            office.runtime.database.write(lambda db: signals.mark_delivered(db, [(session_id, 0, 1)])),
        ),
        BOTH,
    ),
    "a sign-out": (
        "talk",
        lambda office, session_id: accounts.log_out(office.runtime, office.people["client"].token_hash),
        {"client's sign-in"},
    ),
    "a rate": (
        "talk",
        lambda office, session_id: agents.change(office.runtime, office.people["agent"], None, 1),
        set(),
    ),
}


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_is_told_to_whoever_can_see_it(office, request_):
    act, told = REQUESTS[request_]
    assert office.heard(None, lambda: act(office)) == (told, told)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_told_to_whoever_can_see_it(office, change):
    begun, act, told = CHANGES[change]
    session_id = office.talk() if begun == "talk" else office.ask(begun)
    assert office.heard(session_id, lambda: act(office, session_id)) == (told, told)


def test_who_waits_behind_hears_that_the_queue_moved(office):
    first, behind = office.ask("agent"), office.ask("agent", client="rival")
    near, far = office.heard(
        behind, lambda: transitions.accept(office.runtime, office.people["agent"], first)
    )
    assert near == far == {"client's inbox", "rival's inbox", "agent's inbox", "session"}


def test_what_happened_between_two_looks_is_told_in_one(office):
    """What was accepted and handed on meanwhile is gone from every agent's queue."""

    def accept_and_hand_over():
        transitions.accept(office.runtime, office.people["agent"], session_id)
        transitions.transfer(office.runtime, office.people["agent"], session_id, office.people["other"].id)

    session_id = office.ask()
    near, far = office.heard(session_id, accept_and_hand_over)
    assert near == far == ALL_AGENTS


def test_an_edit_of_an_older_message_is_told_like_a_new_one(office):
    session_id = office.talk()
    first = office.send("client", session_id)
    office.send("agent", session_id)
    client = office.people["client"]
    heard = office.heard(session_id, lambda: edits.edit(office.runtime, client, session_id, first, "Bonsoir"))
    assert heard == ({*BOTH, "messages"}, {*BOTH, "messages"})
