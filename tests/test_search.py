"""Messages are found by their words: one's own, the newest first, and nothing that is gone."""

from urllib.parse import urlencode

import pytest

from chat import indexing, store
from tests.pages.visitor import Visitor


@pytest.fixture
def talk(site):
    """A conversation where it does not matter who serves it."""
    return site.conversation()


def ask(who, q, **more):
    answer = who.get(f"/api/chat/search?{urlencode({'q': q, **more})}")
    assert answer.status == 200, answer.body
    return answer.json


def texts(who, q, **more):
    return ["".join(piece["text"] for piece in each["snippet"]) for each in ask(who, q, **more)["found"]]


def index(site):
    """What was sent is in it, without waiting for the leader to look."""
    indexing.catch_up(site.runtime)


def say(who, talk, *messages):
    return [who.send(talk.id, each).json["messageId"] for each in messages]


def test_ones_own_messages_are_found_whole_or_begun_in_whatever_spelling(site, talk):
    other = site.conversation()
    first, second = say(talk.client, talk, "L'été à Besançon, <b>déjà</b> 10 % moins cher", "Été indien ?")
    say(other.client, other, "Un autre été")
    index(site)
    for who in (talk.client, talk.agent):
        assert texts(who, "ete") == ["Été indien ?", "L'été à Besançon, <b>déjà</b> 10 % moins cher"]
        for q in ("ÉTÉ besan", "l'été", "  déjà  10", "moins l'e\u0301te\u0301", "BESANÇON", "<b>déjà</b>"):
            assert [each["message_id"] for each in ask(who, q)["found"]] == [first], q
        for q in ("autre", "esançon", "été hiver", "c'été", "ind besançon"):
            assert texts(who, q) == [], q
    (found,) = ask(talk.agent, "deja")["found"]
    assert [piece["text"] for piece in found["snippet"] if piece["is_match"]] == ["déjà"]
    assert (found["chat_session_id"], found["sender_type"]) == (talk.id, "client")
    assert (found["client"]["name"], found["agent"]["name"]) == ("Camille Moreau", "Dr Anaïs Laurent")
    page = ask(talk.client, "ete", limit=1)
    assert ([each["message_id"] for each in page["found"]], page["has_more"]) == ([second], True)
    page = ask(talk.client, "ete", limit=1, beforeMessageId=second)
    assert ([each["message_id"] for each in page["found"]], page["has_more"]) == ([first], False)


def test_whatever_is_asked_for_is_words_and_never_a_mistake(site, talk):
    say(talk.client, talk, "AND OR NOT NEAR c++ who a1 c1")
    index(site)
    junk = [
        '"',
        "*",
        "a*b",
        "(",
        "NEAR(",
        "a AND",
        "OR",
        "^x",
        "-",
        "who:c1",
        "{",
        "\ufdd0",
        "a\0b",
        "'",
        "+ +",
    ]
    for q in ["", " ", *junk, '" OR who : a1 OR "', "\U0001f642", "é" * 200, "x " * 100, "%", "\\"]:
        ask(talk.client, q)
    assert texts(talk.client, "AND NOT") == texts(talk.client, "c++ NEAR") != []
    # Whose a message is, is in the index too, and no word of it.
    assert texts(talk.agent, f"a{talk.agent.id or 99}") == []
    for wrong in ({"q": "x" * 201}, {"q": "x", "beforeMessageId": "-1"}, {"q": "x", "limit": 101}):
        assert talk.client.get(f"/api/chat/search?{urlencode(wrong)}").status == 400
    assert site.client().get("/api/chat/search?q=x").status == 401


def test_what_is_edited_or_deleted_is_found_as_it_is_at_once(site, talk):
    edited, deleted = say(talk.client, talk, "Kanarienvogel", "Kanarienvogel im Käfig")
    index(site)
    assert len(texts(talk.agent, "kanarienvogel")) == 2
    talk.client.post(f"/api/chat/messages/{talk.id}/{edited}", {"message": "Wellensittich"})
    talk.client.post(f"/api/chat/messages/{talk.id}/{deleted}/delete")
    assert texts(talk.agent, "kanarienvogel") == texts(talk.client, "käfig") == []
    assert texts(talk.agent, "wellen") == ["Wellensittich"]


def test_whoever_a_conversation_is_handed_to_finds_it_and_who_had_it_does_not(site):
    client, agent, colleague = site.person("client"), site.person("agent"), site.person("agent")
    asked = client.ask(message="Un pangolin")["id"]
    index(site)
    assert (texts(client, "pangolin"), texts(agent, "pangolin")) == (["Un pangolin"], [])
    agent.do("accept", asked)
    assert texts(agent, "pangolin") == ["Un pangolin"]
    assert agent.do("transfer", asked, agent_id=colleague.id).status == 200
    assert (texts(agent, "pangolin"), texts(colleague, "pangolin")) == ([], ["Un pangolin"])


def test_an_administrator_finds_all_and_that_is_noted(site, talk):
    admin = site.person("admin")
    say(talk.agent, talk, "Un ornithorynque")
    index(site)
    assert texts(admin, "ornitho") == ["Un ornithorynque"]
    entries = admin.get("/api/chat/audit").json["entries"]
    assert [each["kind"] for each in entries if each["actor"] and each["actor"]["id"] == admin.id] == [
        "searched"
    ]
    shown = Visitor(site, admin).open("/search?q=ornitho")
    assert f"/admin/sessions/{talk.id}#message-" in shown.body.decode()


def test_the_leader_takes_in_what_is_new(site, talk):
    say(talk.client, talk, "Un axolotl")
    site.wait_until(lambda _: not site.database.read(store.search.is_behind))
    assert texts(talk.client, "axo") == ["Un axolotl"]


def test_what_is_found_is_text_and_leads_to_its_place_among_the_others(site, talk):
    (first,) = say(talk.client, talk, "<script>alert(1)</script> & le tapir")
    say(talk.agent, talk, *map(str, range(60)))
    index(site)
    person = Visitor(site, talk.client)
    page = person.open("/search?q=tapir")
    html = page.body.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; le <mark>tapir</mark>" in html
    place = f"/sessions/{talk.id}?around={first}"
    assert f'href="{place}#message-{first}"' in html
    shown = person.open(place).body.decode()
    assert f'id="message-{first}"' in shown and 'data-is-newest="0"' in shown
    assert "No message has all these words." in person.open("/search?q=tapir+zzz").text
