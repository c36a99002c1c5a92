"""One sound and one notification for what is new, in all tabs of a browser; none for what is looked at."""

import json

import pytest

from tests.test_browser_refuses import HIDE

# What a tab has told: [title, text, tag] of each notification, and the number of sounds.
SPY = (
    HIDE
    + """
window.shown = [];
window.sounds = 0;
window.Notification = class {
  constructor(title, { body, tag }) { shown.push([title, body, tag]); }
  static permission = "granted";
};
const Audio = window.AudioContext;
window.AudioContext = class extends Audio { constructor() { super(); sounds += 1; } };
"""
)
ELSEWHERE = ("/sessions", "/profile")


@pytest.fixture
def talk(site):
    return site.conversation()


@pytest.fixture
def tabs_of(site, visit):
    """Somebody's tabs on these pages, the last one in front, and all of one line."""

    def open_all(who, *paths):
        visitor = visit(site, who)
        visitor.context.add_init_script(SPY)
        tabs = [visitor.page, *(visitor.tab() for _ in paths[1:])]
        for tab, path in zip(tabs, paths, strict=True):
            tab.goto(path)
            visitor.await_connection("live", tab)
        return tabs

    return open_all


def hide(*tabs):
    for tab in tabs:
        tab.evaluate("window.isAway = true; document.dispatchEvent(new Event('visibilitychange'))")


def told(tabs):
    """By all together: notifications, and how many sounds."""
    # As JSON, which has half a character, too.
    shown = [each for tab in tabs for each in json.loads(tab.evaluate("JSON.stringify(shown)"))]
    return shown, sum(tab.evaluate("sounds") for tab in tabs)


def await_title(tab, start):
    tab.wait_for_function("start => document.title.startsWith(start)", arg=start)


def await_nothing(tab):
    """Everything is read."""
    tab.wait_for_function("() => !document.title.startsWith('(')")


def await_sounds(tabs, count):
    """The sound of what is new comes after every tab has been asked; what came before it has been told."""
    while told(tabs)[1] < count:
        tabs[0].evaluate("() => new Promise(requestAnimationFrame)")


def await_shown(tabs):
    """The notifications, once there is one."""
    while not (shown := told(tabs)[0]):
        tabs[0].evaluate("() => new Promise(requestAnimationFrame)")
    return shown


def test_a_message_is_told_once_by_all_hidden_tabs(site, talk, tabs_of):
    tabs = tabs_of(talk.client, *ELSEWHERE, "/agents", f"/sessions/{talk.id}")
    for tab in tabs:
        await_nothing(tab)
    hide(*tabs)
    for number in (1, 2, 3):
        talk.agent.send(talk.id, f"line {number}")
        for tab in tabs:
            await_title(tab, f"({number}) ")
        await_sounds(tabs, number)
    tag = f"tete-a-tete:{talk.id}"
    assert told(tabs) == ([[pairs_name(talk), f"line {n}", tag] for n in (1, 2, 3)], 3)


def pairs_name(talk):
    return talk.client.show(talk.id)["agent"]["name"]


def test_what_is_looked_at_is_not_told(site, talk, tabs_of):
    other = site.person("agent", "Dr Other")
    asked = talk.client.ask(agent_id=other.id)["id"]
    other.do("accept", asked)
    tabs = tabs_of(talk.client, *ELSEWHERE, f"/sessions/{talk.id}")
    hide(*tabs[:-1])
    talk.agent.send(talk.id, "you look at me")
    tabs[-1].locator(".message .text", has_text="you look at me").wait_for()
    # In the other conversation, which nobody looks at: a sound, and no notification in front of the browser.
    other.send(asked, "and I wait")
    await_sounds(tabs, 1)
    assert told(tabs) == ([], 1)
    await_title(tabs[-1], "(1) ")


def test_a_request_rings_until_it_is_taken(site, tabs_of):
    agent, first, second = (site.person(*who) for who in (["agent"], ["client"], ["client", "Dominique"]))
    tabs = tabs_of(agent, "/profile", "/inbox")
    asked = first.ask(agent_id=agent.id)["id"]
    await_sounds(tabs, 3)
    hide(*tabs)
    other = second.ask(agent_id=agent.id)["id"]
    await_title(tabs[0], "(2) ")
    agent.do("decline", asked)
    agent.do("accept", other)
    for tab in tabs:
        await_nothing(tab)
    assert [each[0] for each in await_shown(tabs)] == ["Dominique"]
    sounds = told(tabs)[1]
    second.send(other, "Thank you")
    await_sounds(tabs, sounds + 1)


def test_who_waits_hears_of_being_accepted(site, visit, tabs_of):
    agent, client = site.person("agent", "Dr Anaïs"), site.person("client")
    asked = client.ask(agent_id=agent.id)["id"]
    tabs = tabs_of(client, f"/sessions/{asked}")
    hide(*tabs)
    agent.do("accept", asked)
    await_sounds(tabs, 1)
    assert told(tabs) == (
        [["Dr Anaïs", "Your request is accepted", f"tete-a-tete:{asked}"]],
        1,
    )


def test_no_half_character_is_shown(talk, tabs_of):
    tabs = tabs_of(talk.client, f"/sessions/{talk.id}")
    hide(*tabs)
    talk.agent.send(talk.id, "a" * 119 + "👩‍👩‍👧" + "b" * 20)
    await_sounds(tabs, 1)
    assert told(tabs)[0][0][1] == "a" * 119 + "👩‍👩‍👧…"


@pytest.mark.parametrize("path", ["/profile", "/sessions/{}"])
def test_the_sound_is_switched_off_for_the_browser(talk, tabs_of, path):
    tabs = tabs_of(talk.client, "/sessions", path.format(talk.id))
    controls = tabs[-1].locator("[data-alerts]").first
    controls.locator("[data-sound]").uncheck()
    assert controls.locator("[data-volume]").is_disabled()
    hide(*tabs)
    talk.agent.send(talk.id, "quiet please")
    assert await_shown(tabs)[0][1] == "quiet please"
    assert told(tabs)[1] == 0
