"""Whatever happens, in whatever order, noticed or not: the bill holds."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from chat import errors, verify
from chat.runtime import Runtime
from chat.settings import Settings
from chat.store import server
from tests.story import RATES, Story
from tests.test_billing import agrees, lasting

REFUSALS = (
    errors.AgentAbsent,
    errors.Forbidden,
    errors.InsufficientBalance,
    errors.InvalidParameter,
    errors.NotFound,
    errors.SessionEnded,
    errors.SessionPaused,
    errors.SpendingLimitReached,
    errors.WrongStatus,
)
# The soak's histories, in tests of so many each.
SOAKED, PER_TEST = 2000, 200
# What an increment costs at most.
FIRST_CENTS = 1500

CENTS = [0, 100, 249, 250, 500, 600, 750, 1000, 2000]
BY_EITHER = [
    (act, side)
    for act in ("say", "say", "say", "pause", "resume", "resume", "leave", "leave", "poll")
    for side in ("client", "agent")
]
EVENTS = [
    *BY_EITHER,
    *(("limit", cents) for cents in (None, 250, 600, 1000)),
    *(("transfer", name) for name in RATES),
    *(("answer", is_agreed) for is_agreed in (True, True, False)),
    *(("top_up", cents) for cents in (100, 250, 1000)),
    *(("outage", ms) for ms in (1, 5000, 20_000, 40_000, 4_000_000)),
    *[("sweep",)] * 2,
    ("boot",),
    ("boot", "another"),
    ("end",),
    ("another",),
    *[("beside", name) for name in ("anna", "cora", "dora")],
    *[("turn_to_the_next",)] * 3,
]
MS = [0, 1, 1000, 3000, 20_000, 29_000, 31_000, 44_000, 46_000, 59_000, 60_000, 61_000, 120_000]
waits = st.one_of(st.sampled_from(MS), st.integers(0, 100_000), st.integers(0, 400_000))


class History(NamedTuple):
    """What happens: settings, what there is at the start, and after how many ms what."""

    chosen: dict[str, Any]
    agent: str
    limit: int | None
    balance: int
    events: list[tuple[int, tuple[Any, ...]]]


def _chosen(increments, **more):
    first, following = increments
    return {"first_increment_seconds": first, "next_increment_seconds": following, **more}


histories = st.builds(
    History,
    chosen=st.builds(
        _chosen,
        st.sampled_from([(60, 60), (60, 60), (60, 60), (60, 1), (1, 1), (30, 6), (360, 360)]),
        minimum_charge=st.sampled_from([0, 0, 0, 300]),
        prepaid=st.booleans(),
        free_seconds=st.sampled_from([0, 0, 60, 45]),
        steady_seconds=st.sampled_from([300, 60, 60, 0]),
        billing_starts=st.sampled_from(["first_message", "first_message", "accept"]),
    ),
    agent=st.sampled_from(["anna", "anna", "zoe"]),
    limit=st.sampled_from([None, None, *CENTS]),
    balance=st.sampled_from(CENTS[1:]),
    events=st.lists(st.tuples(waits, st.sampled_from(EVENTS)), min_size=3, max_size=25),
)


@pytest.fixture
def runtime(tmp_path):
    runtime = Runtime(Settings(database_url=f"sqlite:///{tmp_path / 'chat.db'}"))
    runtime.prepare()
    yield runtime
    runtime.close()


def happen(story, event, *words):
    """At this very instant nothing costs anything, not even noticing what time has done."""
    before = story.read()["total_cost"]
    if event == "leave":
        story.away.add(story.user(words[0]).name)
    elif event in ("another", "beside"):
        if event == "another":
            story.end()
        with suppress(*REFUSALS):
            story.ask(*words)
            story.accept()
            story.say("agent")
        return
    elif event == "turn_to_the_next":
        ids = sorted(story.asked)
        story.id = ids[(ids.index(story.id) + 1) % len(ids)]
        return
    else:
        try:
            getattr(story, event)(*words)
            if event == "answer":
                story.poll("client")
        except REFUSALS:
            # Who is refused was there all the same, and so is who has nothing to answer.
            side = words[0] if words and words[0] in ("client", "agent") else "client"
            story.poll("agent" if event == "transfer" else side)
    assert agrees(story)["total_cost"] == before


def bills(runtime, history, is_swept):
    """What each session of the history costs in the end, and what is left of the balance."""
    runtime.settings = replace(runtime.settings, **history.chosen)
    story = Story(runtime, is_swept)
    try:
        # Who asks can pay for what begins; when the agent accepts they may have less.
        if history.chosen["prepaid"]:
            story.top_up(history.balance + FIRST_CENTS)
        try:
            story.ask(history.agent, history.limit)
        except errors.InvalidParameter:
            story.ask(history.agent)  # It would pay for nothing.
        if history.chosen["prepaid"]:
            story.pay_back(FIRST_CENTS)
        story.accept()
        story.say("agent")
        for wait, (event, *words) in history.events:
            story.at((story.ms + wait) / 1000)
            if event == "outage":
                story.is_down = True
                story.at((story.ms + words[0]) / 1000)
                story.start()
                assert held(story) == []
                story.boot()
                event, words = "sweep", ()
            happen(story, event, *words)
        happen(story, "sweep")
        for story.id in sorted(story.asked):  # noqa: B020
            happen(story, "end")
        return [*map(bill, final_receipts(story)), story.balance()]
    finally:
        story.close()


def held(story):
    """What an outage keeps paused although both are there: nothing, before anybody has looked."""
    query = """
        SELECT s.id FROM chat_sessions s JOIN users client ON client.id = client_id
        JOIN users agent ON agent.id = agent_id
        WHERE pause_reason = 'outage' AND min(client.seen_at, agent.seen_at) > ?
    """
    since = story.runtime.database.read(server.now) - story.runtime.settings.absence_seconds * 1000
    return story.runtime.database.read(lambda db: db.conn.execute(query, (since,)).fetchall())


def final_receipts(story):
    """The receipts of all sessions, which have ended; ending them again changes nothing."""
    for story.id, story.client in story.asked.items():  # noqa: B020
        receipt = agrees(story)
        assert receipt["is_final"]
        story.later(100)
        story.end()
        assert lasting(agrees(story)) == lasting(receipt)
        yield receipt


def bill(receipt):
    """What of it does not depend on who looked when."""
    active_ms = sum(each["milliseconds"] for each in receipt["intervals"] if each["is_billed"])
    charged = [
        (each["count"], each["seconds"], each["agent"]["name"], each["amount"]) for each in receipt["charges"]
    ]
    paid = sum(entry["amount"] for entry in receipt["ledger"])
    return receipt["total_cost"], active_ms, charged, paid


def hold(runtime, examples, number):
    """So many histories, each swept and unswept: all bills are the same, and as their intervals say."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow],
        database=None,
    )
    @given(history=histories)
    def check(history):
        assert bills(runtime, history, is_swept=True) == bills(runtime, history, is_swept=False)

    check()
    assert runtime.database.read(lambda db: list(verify.differences(db))) == []


def test_a_bill_holds_whatever_happens(runtime):
    hold(runtime, 60, 0)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, SOAKED // PER_TEST + 1))
def test_bills_hold_in_thousands_of_histories(runtime, number):
    hold(runtime, PER_TEST, number)
