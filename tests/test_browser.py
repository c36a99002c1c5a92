"""What a page does with what people write, with scripts and without."""

import json

import pytest

CORPUS = [
    "<script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 1'>",
    "<svg onload=window.broken=1>",
    "\"><iframe srcdoc='<script>parent.broken = 1</script>'>",
    "javascript:window.broken=1",
    'https://example.org/"onmouseover="window.broken=1',
    "www.example.org/<b onclick=window.broken=1>x",
    "</script><script>window.broken = 1</script>",
    "{{7*7}} ${7*7} {% raw %}",
    "\u202eevil\u202c \u2066text",
    "https://good.example/\u202egpj.exe \u202ehttps://b.example/x\u200b.y",
    "<a href='javascript:window.broken=1'>click</a>",
    "&lt;b&gt; &amp; <b>bold</b>",
    "line one\n\nline <three>  with  spaces",
    "👩🏽‍⚕️ Ça va ? 日本語 עברית",
]
NAME = "<img src=x onerror='window.broken=1'>"


@pytest.fixture
def running(site):
    return site


def strange(running):
    """A conversation of two people with names that would run."""
    client, agent = running.person("client", NAME), running.person("agent", f"</title>{NAME}")
    asked = client.ask(agent_id=agent.id, message=CORPUS[0])
    agent.do("accept", asked["id"])
    return asked["id"], client, agent


def test_nothing_that_people_write_runs(running, visit):
    session_id, client, agent = strange(running)
    visitors = {"client": visit(running, client), "agent": visit(running, agent)}
    for visitor in visitors.values():
        visitor.open(f"/sessions/{session_id}")
        visitor.await_connection("live")
    for text in CORPUS:  # Live, by the scripts …
        visitors["client"].page.fill("#message", text)
        visitors["client"].page.click(".send")
    stored = [each["message"] for each in agent.fetch(session_id).json["messages"]]
    visitors["agent"].page.wait_for_function(
        "count => document.querySelectorAll('.message').length === count", arg=len(CORPUS) + 1
    )
    running.wait_until(lambda _: len(agent.fetch(session_id).json["messages"]) == len(CORPUS) + 1)
    stored = [each["message"] for each in agent.fetch(session_id).json["messages"]]
    assert stored == [CORPUS[0], *CORPUS]
    for visitor in visitors.values():
        for path in (f"/sessions/{session_id}", f"/sessions/{session_id}/receipt", "/sessions"):
            assert visitor.page.evaluate("() => window.broken") is None
            if path != f"/sessions/{session_id}":
                visitor.open(path)
            else:  # … and the same again from the server's templates.
                live = visitor.page.locator(".message .text").evaluate_all(
                    "all => all.map(each => each.innerHTML)"
                )
                visitor.open(path)
                assert visitor.page.locator(".message .text").evaluate_all(
                    "all => all.map(each => each.innerHTML)"
                ) == [markup.strip() for markup in live]
                assert (
                    visitor.page.locator(".message .text").evaluate_all(
                        "all => all.map(each => each.textContent)"
                    )
                    == stored
                )
        assert visitor.page.evaluate("() => window.broken") is None
        assert visitor.page.locator("a[href^=javascript]").count() == 0


def test_links_lead_out_safely(running, visit):
    talk = running.conversation()
    talk.agent.send(talk.id, "See https://example.org/a_(b)?c=d&e=f, or www.example.org.")
    visitor = visit(running, talk.client)
    visitor.open(f"/sessions/{talk.id}")
    links = visitor.page.locator(".message .text a").evaluate_all(
        "all => all.map(each => [each.href, each.rel, each.target])"
    )
    assert links == [
        ["https://example.org/a_(b)?c=d&e=f", "noopener noreferrer nofollow", "_blank"],
        ["https://www.example.org/", "noopener noreferrer nofollow", "_blank"],
    ]


def test_a_whole_conversation_without_scripts(running, visit):
    camille, anais = (
        running.person("client", "Camille Moreau"),
        running.person("agent", "Me Élise Sansscript"),
    )
    client = visit(running, camille, java_script_enabled=False)
    agent = visit(running, anais, java_script_enabled=False)
    client.open(f"/agents?after={anais.id - 1}")  # Others made many agents.
    client.follow(client.page.locator("li", has_text="Me Élise Sansscript").locator("a.button"))
    client.page.fill("#message", "Puis-je sous-louer ?")
    client.page.fill("#spending_limit", "20,00")
    client.follow("text=Request, with obligation to pay, €2.50 a minute")
    assert client.page.get_by_text("Place in the queue").is_visible()
    agent.open("/inbox")
    agent.follow(agent.page.locator("[data-card]", has_text="Puis-je sous-louer ?").get_by_text("Accept"))
    agent.page.fill("#message", "Bonjour !\nOui, avec accord.")
    agent.follow(".send")
    assert agent.texts() == ["Puis-je sous-louer ?", "Bonjour !\nOui, avec accord."]
    client.follow("text=Look for new messages")
    assert client.texts() == ["Puis-je sous-louer ?", "Bonjour !\nOui, avec accord."]
    running.advance(5)
    client.page.fill("#message", "Merci")
    client.page.dblclick(".send")  # The same form twice.
    client.page.locator(".message", has_text="Merci").wait_for()
    assert client.texts().count("Merci") == 1
    client.follow("text=End the conversation")
    client.page.locator("label[for=star-5]").click()
    client.follow("text=Rate >> visible=true")
    assert client.page.get_by_text("Thank you for your rating.").is_visible()
    client.follow("text=Receipt >> visible=true")
    assert "€2.50" in client.page.inner_text(".sum")
    assert camille.get("/api/chat/sessions?status=ended").json["sessions"][0]["rating"] == 5


def test_a_page_without_scripts_tells_of_what_is_new_by_itself(running, visit):
    talk = running.conversation()
    client = visit(running, talk.client, java_script_enabled=False)
    shown = talk.last_id
    client.open(f"/sessions/{talk.id}")
    client.page.fill("#message", "Half a sentence")
    news = client.page.frame_locator(".news-frame")
    news.get_by_text("Nothing new yet").wait_for()
    assert talk.agent.show(talk.id)["client_read_id"] == shown
    talk.agent.send(talk.id, "Une nouvelle")
    news.get_by_text("1 new message").wait_for()
    assert client.page.input_value("#message") == "Half a sentence"
    news.get_by_role("link", name="Show").click()
    client.page.get_by_text("Une nouvelle").wait_for()
    news.get_by_text("Nothing new yet").wait_for()
    assert talk.agent.show(talk.id)["client_read_id"] == talk.last_id
    talk.agent.do("end", talk.id)
    news.get_by_text("Ended by the agent").wait_for()


def test_a_text_that_is_too_long_is_given_back_whole_without_scripts(running, visit):
    talk = running.conversation()
    client = visit(running, talk.client, java_script_enabled=False)
    client.open(f"/sessions/{talk.id}")
    before, page, text = client.texts(), client.page, "x" * 2999 + "\n" + "y" * 3000
    page.fill("#message", text)
    client.follow(".send")
    assert page.get_by_role("alert").text_content() == "A message has 1 to 4000 characters."
    assert page.input_value("#message") == text
    assert client.texts() == before
    page.fill("#message", text[:4000])
    client.follow(".send")
    assert client.texts() == [*before, text[:4000]]
    assert page.input_value("#message") == ""


def test_history_without_scripts(running, visit):
    talk = running.conversation()
    for number in range(70):
        talk.agent.send(talk.id, f"line {number}")
    visitor = visit(running, talk.client, java_script_enabled=False)
    visitor.open(f"/sessions/{talk.id}")
    newest = visitor.texts()
    assert newest[-1] == "line 69"
    visitor.follow("text=Earlier messages")
    assert len(newest) + len(visitor.texts()) == 72
    visitor.follow("text=To the newest messages")
    assert visitor.texts() == newest


def test_typing_a_slash_brings_a_reply(running, visit):
    talk = running.conversation()
    agent = visit(running, talk.agent)
    agent.open("/replies")
    for shortcut, message in (
        ("hello", "Hello, and welcome!"),
        ("help", "How can I help?"),
        ("bye", "Goodbye."),
    ):
        agent.page.fill("#shortcut", shortcut)
        agent.page.fill("#message", message)
        agent.page.get_by_role("button", name="Save").click()
        agent.page.get_by_text(f"/{shortcut}", exact=True).wait_for()
    agent.open(f"/sessions/{talk.id}")
    agent.page.type("#message", "/he")
    assert agent.page.locator("[data-replies] li:visible").count() == 2
    agent.page.keyboard.press("ArrowDown")
    agent.page.keyboard.press("Enter")
    assert agent.page.input_value("#message") == "How can I help?"
    agent.page.keyboard.press("Enter")
    agent.see("How can I help?")


def test_a_message_that_is_too_late_says_so_and_is_kept_to_read(running, visit):
    talk = running.conversation()
    client = visit(running, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("live")
    client.context.set_offline(True)
    client.send("one more thing")
    client.page.locator(".message.is-failed").wait_for()
    talk.agent.do("end", talk.id)
    client.context.set_offline(False)
    client.page.locator(".message.is-failed", has_text="The conversation has ended.").wait_for()
    assert "one more thing" in client.texts()


def test_ending_asks_first(running, visit):
    talk = running.conversation()
    client = visit(running, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.page.click("text=End the conversation")
    client.page.click("#confirm >> text=Cancel")
    assert talk.client.show(talk.id)["status"] == "active"
    client.page.click("text=End the conversation")
    client.page.click("#confirm >> role=button[name='End the conversation']")
    client.page.locator(".composer-place", has_text="You ended it").wait_for()
    assert talk.client.show(talk.id)["status"] == "ended"


def test_the_meter_runs_by_itself_and_agrees_with_the_server(running, visit):
    talk = running.conversation()
    client = visit(running, talk.client)
    running.advance(56)
    talk.client.fetch(talk.id)
    client.open(f"/sessions/{talk.id}")
    client.page.wait_for_function(
        """() => {
            const [minutes, seconds] = document.querySelector("[data-meter-time]").textContent.split(":");
            return Number(minutes) * 60 + Number(seconds) > 60;
        }"""
    )
    cost = client.page.inner_text(".meter-cost")
    assert cost == "€5.00"
    assert json.dumps(talk.client.show(talk.id)["total_cost"]) == "5.0"


@pytest.mark.parametrize(("locale", "words"), [("fr-CA", ("Plafond", "2,50")), ("en-GB", ("Limit", "€2.50"))])
def test_a_conversation_in_either_language(running, visit, locale, words):
    talk = running.conversation()
    client = visit(running, talk.client, locale=locale)
    client.open(f"/sessions/{talk.id}")
    panel = client.page.inner_text("#panel")
    for word in words:
        assert word in panel


def test_a_message_for_a_hidden_page_counts_in_its_title(running, visit):
    talk = running.conversation()
    client = visit(running, talk.client)
    client.open(f"/sessions/{talk.id}")
    client.await_connection("live")
    client.page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { get: () => window.isHidden, configurable: true });
            window.isHidden = true;
        }"""
    )
    talk.agent.send(talk.id, "psst")
    client.page.wait_for_function("() => document.title.startsWith('(1) ')")
    assert client.page.locator(".message.is-other", has_text="psst").count() == 1
    client.page.evaluate(
        """() => { window.isHidden = false; document.dispatchEvent(new Event("visibilitychange")); }"""
    )
    client.page.wait_for_function("() => !document.title.startsWith('(')")


@pytest.fixture
def reader_of_a_request(running, visit):
    """An agent who looks at a request to any agent: (visitor, agent, client, its id)."""
    client, agent = running.person("client"), running.person("agent")
    session_id = client.ask(message="Who has a minute?")["id"]
    visitor = visit(running, agent)
    visitor.open(f"/sessions/{session_id}")
    visitor.await_connection("live")
    return visitor, agent, client, session_id


@pytest.mark.parametrize("end", ["accept", "cancel"])
def test_a_request_that_is_gone_can_no_longer_be_accepted(running, reader_of_a_request, end):
    visitor, _, client, session_id = reader_of_a_request
    page = visitor.page
    who = client if end == "cancel" else running.person("agent")
    assert who.do(end, session_id).status == 200
    page.get_by_text("This request is gone: another agent has accepted it, or it was taken back.").wait_for()
    assert page.locator(".talk").get_by_role("button", name="Accept").count() == 0
    visitor.follow(page.get_by_role("link", name="To the inbox"))
    assert page.url.endswith("/inbox")


def test_a_request_that_its_reader_accepts_elsewhere_becomes_the_conversation(reader_of_a_request):
    visitor, agent, _, session_id = reader_of_a_request
    assert agent.do("accept", session_id).status == 200
    visitor.page.locator("[data-talk] #message").wait_for()
    assert visitor.texts() == ["Who has a minute?"]
