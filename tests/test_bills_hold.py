"""Whatever happens, in whatever order, noticed or not: the bill holds."""

import os
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from chat import errors
from chat.runtime import Runtime
from chat.settings import Settings
from tests.story import RATES, Story
from tests.test_billing import agrees, audit

REFUSALS = (
    errors.Forbidden,
    errors.InsufficientBalance,
    errors.InvalidParameter,
    errors.NotFound,
    errors.SessionEnded,
    errors.SpendingLimitReached,
    errors.WrongStatus,
)

# How many are compared in the long run.
HISTORIES = int(os.environ.get("HISTORIES", "4000"))
CENTS = [0, 100, 249, 250, 500, 600, 750, 1000, 2000]
BY_EITHER = [
    (act, side)
    for act in ("say", "say", "say", "pause", "resume", "resume", "leave", "poll")
    for side in ("client", "agent")
]
EVENTS = [
    *BY_EITHER,
    *(("limit", cents) for cents in (None, 250, 600, 1000)),
    *(("transfer", name) for name in RATES),
    *(("answer", is_agreed) for is_agreed in (True, True, False)),
    *(("top_up", cents) for cents in (100, 250, 1000)),
    *(("outage", ms) for ms in (20_000, 40_000, 4_000_000)),
    *[("sweep",)] * 4,
    ("boot",),
    ("boot", "another"),
    ("end",),
]
MS = [0, 1, 1000, 3000, 20_000, 29_000, 31_000, 44_000, 46_000, 59_000, 60_000, 61_000, 120_000]
waits = st.one_of(st.sampled_from(MS), st.integers(0, 100_000), st.integers(0, 400_000))


@pytest.fixture(scope="module")
def runtime_of(tmp_path_factory):
    opened = []

    @cache
    def runtime_of(**chosen):
        path = tmp_path_factory.mktemp("bills") / "chat.db"
        opened.append(Runtime(Settings(database_url=f"sqlite:///{path}", **chosen)))
        opened[-1].prepare()
        return opened[-1]

    yield runtime_of
    for runtime in opened:
        runtime.close()


def happen(story, event, *words):
    """At this very instant nothing costs anything, not even noticing what time has done."""
    before = story.read()["total_cost"]
    if event == "leave":
        story.away.add(story.user(words[0]).name)
    else:
        with suppress(*REFUSALS):
            getattr(story, event)(*words)
    assert agrees(story)["total_cost"] == before


def histories(examples, events, **options):
    """That many of them, of such events."""
    how = settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        database=None,
        **options,
    )
    what = given(
        prepaid=st.booleans(),
        free_seconds=st.sampled_from([0, 0, 60, 45]),
        billing_starts=st.sampled_from(["first_message", "first_message", "accept"]),
        limit=st.sampled_from([None, None, *CENTS]),
        balance=st.sampled_from(CENTS[1:]),
        first=st.sampled_from(["anna", "anna", "zoe"]),
        events=st.lists(st.tuples(waits, st.sampled_from(events)), min_size=3, max_size=25),
    )
    return lambda test: how(what(test))


def begun(runtime, first, limit, balance, is_swept=False):
    """A story in which the agent has written."""
    story = Story(runtime, is_swept)
    if runtime.settings.prepaid:
        story.top_up(balance)
    story.ask(first, limit)
    story.accept()
    story.say("agent")
    return story


@histories(150, EVENTS, derandomize=True)
def test_a_bill_holds_whatever_happens(runtime_of, first, limit, balance, events, **chosen):
    story = begun(runtime_of(**chosen), first, limit, balance)
    try:
        for wait, (event, *words) in events:
            story.at((story.ms + wait) / 1000)
            if event == "outage":
                story.is_down = True
                story.at((story.ms + words[0]) / 1000)
                event, words = "boot", ()
            happen(story, event, *words)
        happen(story, "sweep")
        happen(story, "end")
        assert story.receipt()["is_final"]
        audit(story)
    finally:
        story.close()


def bill_of(runtime, first, limit, balance, events, is_swept):
    """What it comes to: the seconds, the total, the minutes' prices, and what is left of the balance."""
    story = begun(runtime, first, limit, balance, is_swept)
    try:
        for wait, (event, *words) in events:
            story.at((story.ms + wait) / 1000)
            happen(story, event, *words)
        happen(story, "sweep")
        happen(story, "end")
        audit(story)
        receipt = story.receipt()
        seconds = receipt["session"]["duration_seconds"]
        prices = [minute["rate_per_minute"] for minute in receipt["minutes"]]
        return seconds, receipt["total_cost"], prices, story.balance()
    finally:
        story.close()


def swept_is_unswept(runtime_of, first, limit, balance, events, **chosen):
    runtime = runtime_of(**chosen)
    unswept, swept = (bill_of(runtime, first, limit, balance, events, each) for each in (False, True))
    assert swept == unswept


# After an outage it matters when somebody looks first: as long as nobody did, nobody could be seen.
STEADY = [event for event in EVENTS if event[0] not in ("outage", "boot")]
test_a_bill_is_the_same_swept_or_not = histories(50, STEADY, derandomize=True)(swept_is_unswept)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(4))
def test_thousands_of_bills_are_the_same_swept_or_not(runtime_of, part):
    @seed(part)
    @histories(HISTORIES // 4, STEADY)
    def check(first, limit, balance, events, **chosen):
        swept_is_unswept(runtime_of, first, limit, balance, events, **chosen)

    check()
