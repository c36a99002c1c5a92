"""The conversations that an administrator finds."""

import re
from urllib.parse import urlencode

from chat import indexing
from tests.pages.visitor import email_of, numbers


def test_conversations_are_found_by_who_what_and_how(server, admin, client, agent):
    word = f"zebre{next(numbers)}x{client.person.id}"
    asked = client.person.ask(agent_id=agent.person.id, message=f"Un {word} rayé")["id"]
    email = email_of(server, client.person)
    indexing.catch_up(server.runtime)

    def found(**query):
        page = admin.open(f"/admin/sessions?{urlencode(query)}")
        assert page.status == 200
        return {int(each) for each in re.findall(r'href="/admin/sessions/(\d+)"', page.body.decode())}

    assert found(q=word.upper()) == found(q=word, status="waiting") == found(q=f"  {word} ") == {asked}
    assert found(q=word, status="ended") == found(q=f"{word}z") == set()
    assert found(q=f"{word}%") == {asked}
    assert asked in found(q=email)
    assert asked in found(q="camille")
    assert asked in found(q="dr anaïs laurent")
    # Words in any order, in whatever spelling: but all of them, of somebody's name or of a message.
    assert found(q=f"RAYE\u0301 {word}") == found(q=f"{word} un raye") == {asked}
    assert asked in found(q="LAURENT anais")
    assert found(q=f"{word} nobody") == set()
    client.person.do("cancel", asked)
    assert found(q=word, status="ended") == {asked}
    page = admin.open(f"/admin/sessions/{asked}")
    assert word in page.text
    assert word in admin.request("GET", f"/sessions/{asked}/transcript.txt").body.decode()
