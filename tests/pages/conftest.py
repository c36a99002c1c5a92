"""The people on the pages."""

import pytest

from tests.pages.visitor import Visitor


@pytest.fixture(scope="session")
def server(site):
    """The pages are the same on each kind of server."""
    return site


@pytest.fixture
def client(server, client):
    """A new client in front of the pages."""
    return Visitor(server, client)


@pytest.fixture
def agent(server, agent):
    """A new agent, who takes requests, in front of the pages."""
    return Visitor(server, agent)


@pytest.fixture
def admin(server):
    """A new administrator in front of the pages."""
    return Visitor(server, server.person("admin", "Root"))


@pytest.fixture
def people(server, talk, admin):
    """A conversation's two sides, an administrator, and somebody who is not signed in."""
    return {
        "client": Visitor(server, talk.client),
        "agent": Visitor(server, talk.agent),
        "admin": admin,
        None: Visitor(server),
    }


@pytest.fixture
def ids(talk):
    """What the addresses of the pages are filled in with."""
    session = talk.client.show(talk.id)
    return {"id": talk.id, "client": session["client"]["id"], "agent": session["agent"]["id"]}
