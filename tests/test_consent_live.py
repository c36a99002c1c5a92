"""What the scripts of a page say of a price while it changes."""

import pytest


@pytest.fixture
def server(site):
    return site


AGREE = "Agree to {}, with obligation to pay, {} a minute"


def opened(visitor, path):
    """The page that somebody has in front of them."""
    visitor.open(path)
    return visitor.page


def test_the_button_of_a_request_to_any_agent_says_the_maximum(site, visit):
    page = opened(visit(site, site.person("client")), "/sessions/new")
    button = page.get_by_role("button", name="Request, with obligation to pay")
    for typed, price in (("3,5", "€3.50"), ("12", "€12.00")):
        page.fill("#max_rate", typed)
        assert button.inner_text() == f"Request, with obligation to pay, at most {price} a minute"
    for typed in ("", "much", "0"):
        page.fill("#max_rate", typed)
        assert button.inner_text() == "Request, with obligation to pay"
    page.fill("#max_rate", "3,5")
    button.click()
    page.get_by_text("at most €3.50 a minute").wait_for()


def test_an_agent_sees_what_a_minute_brings_before_accepting(site, visit):
    agent = site.person("agent")
    page = opened(visit(site, agent), "/inbox")
    asked = site.person("client").ask(message="Who is free?", max_rate=1.8)
    page.locator(f'[data-card="{asked["id"]}"] [data-offer]', has_text="€1.80 a minute").wait_for()
    page.locator(f'[data-card="{asked["id"]}"] >> text=Who is free?').click()
    page.locator(".log strong", has_text="€1.80 a minute").wait_for()


def test_what_is_agreed_to_is_what_is_read(site, talk, visit):
    first, second = (site.person("agent", name, rate_cents=400) for name in ("Me Girard", "Me Noir"))
    page = opened(visit(site, talk.client), f"/sessions/{talk.id}")
    talk.agent.do("transfer", talk.id, agent_id=first.id)
    page.get_by_role("button", name=AGREE.format("Me Girard", "€4.00")).wait_for()
    assert page.locator("[data-transfer-name]").inner_text() == "Me Girard"
    second.post("/api/chat/agents/me", {"rate_per_minute": 9.5})
    talk.agent.do("transfer", talk.id, agent_id=second.id)
    button = page.get_by_role("button", name=AGREE.format("Me Noir", "€9.50"))
    button.wait_for()
    assert page.locator("[data-transfer-name]").inner_text() == "Me Noir"
    with page.expect_navigation():
        button.click()
    session = talk.client.show(talk.id)
    assert (session["agent"]["id"], session["rate_per_minute"]) == (second.id, 9.5)


def test_who_agrees_to_what_is_no_longer_offered_is_asked_again(site, talk, visit):
    first, second = (
        site.person("agent", name, rate_cents=cents)
        for name, cents in (("Me Girard", 400), ("Me $& Noir", 950))
    )
    visitor, asked = visit(site, talk.client), set()
    visitor.page.on("request", lambda each: asked.add(each))
    for name in ("requestfinished", "requestfailed"):
        visitor.page.on(name, lambda each: asked.discard(each))
    page = opened(visitor, f"/sessions/{talk.id}")
    talk.agent.do("transfer", talk.id, agent_id=first.id)
    old = page.get_by_role("button", name=AGREE.format("Me Girard", "€4.00"))
    old.wait_for()
    # Its line is cut: it does not hear of the second offer. What it had asked before is answered once more.
    page.route("**/api/**", lambda route: route.abort())
    held = {each for each in asked if "/api/" in each.url}
    talk.agent.send(talk.id, "Un instant")
    while held & asked:
        page.wait_for_event("requestfinished", lambda each: each in held)
    talk.agent.do("transfer", talk.id, agent_id=second.id)
    with page.expect_response(f"**/sessions/{talk.id}/agree") as sent:
        old.click()
    assert sent.value.status == 409
    page.get_by_role("alert").get_by_text("What is offered is no longer what was shown.").wait_for()
    assert talk.client.show(talk.id)["agent"]["id"] not in (first.id, second.id)
    new = page.get_by_role("button", name=AGREE.format("Me $& Noir", "€9.50"))
    with page.expect_navigation():
        new.click()
    told = talk.client.show(talk.id)
    assert (told["agent"]["id"], told["rate_per_minute"]) == (second.id, 9.5)


# The page's own module, on a copy of its elements: what it shows so many seconds after an answer.
METER = """async ([session, moments]) => {
  const find = (name) => import(`/static/js/${name}.js`); // without a version: by itself
  const root = document.querySelector("[data-talk]").cloneNode(true);
  const [{ SessionView }, { live, setClock }] = [await find("session"), await find("live")];
  const { now } = Date, began = now(), { setInterval } = window;
  let tick, passed = 0;
  Date.now = () => began + passed * 1000;
  window.setInterval = (callback) => { tick = callback; };
  setClock(live.server_time);
  new SessionView([root], session, new AbortController().signal);
  const shown = moments.map((moment) => {
    passed = moment;
    tick();
    const names = ["meter-time", "meter-cost", "meter-minutes"];
    return names.map((name) => root.querySelector(`[data-${name}]`).textContent);
  });
  Object.assign(Date, { now });
  window.setInterval = setInterval;
  return shown;
}"""


@pytest.mark.parametrize(
    "chosen",
    [
        {"first_increment_seconds": 60, "next_increment_seconds": 1},
        {
            "first_increment_seconds": 30,
            "next_increment_seconds": 6,
            "minimum_charge": 333,
            "free_seconds": 7,
        },
    ],
    ids=["60/1", "30/6"],
)
def test_the_meter_runs_as_the_bill_does(start, visit, chosen):
    """What a page shows between two answers is what the receipt says at the same second."""
    server = start(**chosen)
    client, agent, other = (
        server.person("client"),
        server.person("agent"),
        server.person("agent", rate_cents=125),
    )
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    agent.send(asked, "Bonjour")
    page = opened(visit(server, client), f"/sessions/{asked}")
    page.locator("[data-event*=clock_started]").wait_for()

    def so_far():
        return client.get(f"/api/chat/sessions/{asked}/receipt").json["session"]

    for advanced in ((3, 20, 7, 9, 23, 1, 1), (1, 2, 1, 4, 9)):
        answers = [so_far()]
        for seconds in advanced:
            server.advance(seconds)
            answers.append(so_far())
        for number, first in enumerate(answers):
            later = [each["duration_seconds"] - first["duration_seconds"] for each in answers[number:]]
            assert page.evaluate(METER, [first, later]) == [
                [
                    f"{each['duration_seconds'] // 60}:{each['duration_seconds'] % 60:02d}",
                    f"€{each['total_cost']:.2f}",
                    f"{each['billed_minutes']} min",
                ]
                for each in answers[number:]
            ]
        agent.do("transfer", asked, agent_id=other.id)
        other.send(asked, "À moi")


def test_the_page_says_once_that_the_clock_has_started(site, visit):
    client, agent = site.person("client"), site.person("agent")
    asked = client.ask(agent_id=agent.id)["id"]
    agent.do("accept", asked)
    pages = [opened(visit(site, who), f"/sessions/{asked}") for who in (client, agent)]
    clock = ".event:has-text('The clock has started')"
    assert [page.locator(clock).count() for page in pages] == [0, 0]
    agent.send(asked, "Je vous écoute")
    line = "The clock has started: €2.50 a minute."
    for page in pages:
        # In the log, which a screen reader is told of politely.
        page.locator("[role=log][aria-live=polite] .event", has_text=line).wait_for()
        assert page.locator(f".message + {clock}").count() == 1
    client.send(asked, "Merci")
    for page in pages:
        page.locator(".message", has_text="Merci").wait_for()
        assert page.locator(f"{clock} span").all_inner_texts() == [line]
        page.reload()
        page.locator(".message", has_text="Merci").wait_for()
        assert page.locator(f"{clock} span").all_inner_texts() == [line]
    # Another agent's clock is another one.
    other = site.person("agent", rate_cents=100)
    agent.do("transfer", asked, agent_id=other.id)
    other.send(asked, "À moi")
    pages[0].locator(".event", has_text="The clock has started: €1.00 a minute.").wait_for()


def test_it_says_so_where_accepting_starts_it(start, visit):
    server = start(billing_starts="accept", free_seconds=90)
    client, agent = server.person("client"), server.person("agent")
    asked = client.ask(agent_id=agent.id)["id"]
    page = opened(visit(server, client), f"/sessions/{asked}")
    agent.do("accept", asked)
    line = "The clock has started. The first 1:30 min are free, then €2.50 a minute."
    page.locator(".event", has_text=line).wait_for()
    agent.send(asked, "Je vous écoute")
    page.locator(".message", has_text="Je vous écoute").wait_for()
    page.reload()
    assert page.locator(".event span", has_text="clock").all_inner_texts() == [line]


def test_what_no_other_currency_expresses_is_agreed_to(start, visit):
    """Three decimals, in the language whose mark they do not have on the wire; and how is charged."""
    server = start(currency="KWD", first_increment_seconds=360, next_increment_seconds=60, minimum_charge=500)
    client, agent = server.person("client"), server.person("agent", rate_cents=1255)
    dearer = server.person("agent", rate_cents=1999)
    visitor = visit(server, client, locale="fr")
    page = opened(visitor, "/sessions/new")
    page.fill("#max_rate", "1,255")
    button = page.get_by_role("button", name="Demander avec obligation de paiement")
    assert "1,255" in button.inner_text()
    page.fill("#max_rate", "1.255")  # Which the server refuses, for it may be a thousand.
    assert button.inner_text() == "Demander avec obligation de paiement"
    page = opened(visitor, f"/sessions/new?agent_id={agent.id}")
    assert "6 minutes" in page.inner_text("form.card")
    assert "0,500" in page.inner_text("form.card")
    visitor.follow(page.locator("form.card .button"))
    asked = client.inbox().json["sessions"][0]
    assert asked["max_rate"] == 1.255
    agent.do("accept", asked["id"])
    agent.send(asked["id"], "Bonjour")
    page.locator("[data-event*=clock_started]").wait_for()
    agent.do("transfer", asked["id"], agent_id=dearer.id)
    agree = page.locator("[data-agree]", has_text="1,999")
    agree.wait_for()
    visitor.follow(agree)
    assert client.show(asked["id"])["rate_per_minute"] == 1.999
