"""An agent's saved replies."""

from tests.pages.house import NOWHERE
from tests.pages.visitor import Visitor


def test_only_its_agent_deletes_a_reply(server, agent):
    other = Visitor(server, server.person("agent"))
    agent.fill("/replies", "/replies", shortcut="hello", message="Bonjour !")
    action = next(each["action"] for each in agent.open("/replies").posts if "delete" in each["action"])
    assert other.post(action).status == other.post(f"/replies/{NOWHERE}/delete").status == 404
    assert "Bonjour !" in agent.open("/replies").text
    assert "Deleted." in agent.fill("/replies", action).text
    assert "Bonjour !" not in agent.open("/replies").text


def test_a_reply_that_is_refused_keeps_its_text(agent):
    for wrong in (
        {"shortcut": "two words", "message": "Bonjour"},
        {"shortcut": "long", "message": "x" * 4001},
    ):
        page = agent.fill("/replies", "/replies", **wrong)
        assert page.status == 400
        assert page.alert
        assert {**page.form("/replies"), "csrf": ""} == {**wrong, "csrf": ""}
