"""An agent's page: what they say on it, what clients said, and the list that clients choose from."""

import json
import re
from io import BytesIO
from random import randbytes

from PIL import Image

from chat import steps, store
from chat.accounts import User
from chat.demo import pairs
from chat.hours import DAYS
from chat.settings import Settings
from tests.pages.visitor import Visitor, email_of

ME = "/api/chat/agents/me"


def patch(agent, **changed):
    return agent.request("PATCH", ME, json.dumps(changed), Content_Type="application/json")


def shown(reader, agent):
    answer = reader.get(f"/api/chat/agents/{agent.id}")
    assert answer.status == 200
    return answer.json


def rated(server, name, agent, comment="Clair", public=True):
    """A client who has rated a conversation with the agent: (they, the session)."""
    client = server.person("client", name)
    talk = client.ask(agent_id=agent.id, message="Bonjour")["id"]
    agent.do("accept", talk)
    client.do("end", talk)
    assert client.do("rating", talk, rating=4, comment=comment, public=public).status == 200
    return client, talk


def form_of(page):
    return page.form("/profile/page")


def picture(size=(900, 600)):
    content = BytesIO()
    Image.new("RGB", size, "teal").save(content, "JPEG")
    return content.getvalue()


def upload(agent, content, name="picture"):
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="../a.jpg"\r\n\r\n'
    csrf = f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{agent.csrf}\r\n'
    body = csrf.encode() + head.encode() + content + b"\r\n--x--\r\n"
    return agent.request("POST", "/profile/picture", body, Content_Type="multipart/form-data; boundary=x")


def test_an_agent_says_what_is_on_their_page_and_what_is_wrong_changes_nothing(client, agent):
    said = {
        "headline": "Leases",
        "languages": ["fr", "pt-BR"],
        "time_zone": "Asia/Kolkata",
        "hours": {"monday": ["09:00-12:30", "14:00-18:00"], "friday": ["20:00-02:00"]},
        "special_days": [{"first": "2099-12-24", "last": "2099-12-26"}, {"first": "2001-01-01"}],
        "holidays": "IN-MH",
    }
    assert patch(agent.person, **said).status == 200
    page = shown(client.person, agent.person)
    # What is over for long is not kept.
    days = [{"first": "2099-12-24", "last": "2099-12-26", "hours": []}]
    assert {name: page[name] for name in said} == {**said, "special_days": days}
    assert page["opening"].keys() == {"is_open", "until", "opens_at"}
    assert all(one["starts_at"] < one["ends_at"] for one in page["openings"])
    for field, wrong in {
        "languages": ["fr", "xx"],
        "time_zone": "Mars/Olympus",
        "hours": {"monday": ["9-25"]},
        "special_days": [{"first": "2099-12-24", "last": "2099-12-01"}],
        "holidays": "IN-XX",
        "headline": "x" * 201,
    }.items():
        refused = patch(agent.person, rate_per_minute=9, **{field: wrong})
        assert (refused.status, refused.json["field"].partition(".")[0]) == (400, field)
    assert patch(client.person, languages=["fr"]).status == 403
    assert agent.person.post(ME, {"hours": {}}).status == 200
    after = shown(client.person, agent.person)
    assert (after["rate_per_minute"], after["languages"], after["opening"]) == (2.5, ["fr", "pt-BR"], None)
    assert client.person.get(f"/api/chat/agents/{client.person.id}").status == 404


def test_a_form_of_hours_that_is_refused_comes_back_as_it_was_written(client, agent):
    right = {"time_zone": "Europe/Paris", "monday": "9h-12h30, 14h-18h", "saturday": "8 pm - 2 am"}
    page = agent.fill("/profile/page", "/profile/page", **right, holidays="FR")
    assert "Saved." in page.text
    assert form_of(page)["monday"] == "09:00\u201312:30, 14:00\u201318:00"
    assert "Alsace-Moselle" in page.body.decode() or 'value="57"' in page.body.decode()
    wrong = {"tuesday": "morning", "first": "2099-05-01", "last": "", "spans": "10-11", "part": "57"}
    refused = agent.fill(page, "/profile/page", **wrong)
    assert refused.status == 400
    assert refused.alert.startswith("Write hours like")
    kept = form_of(refused)
    assert (kept["tuesday"], kept["saturday"], kept["part"]) == ("morning", "20:00\u201302:00", "57")
    assert ("input", "2099-05-01") in {(tag, values.get("value")) for tag, values in refused.read.tags}
    page = agent.post("/profile/page", {**kept, **wrong, "tuesday": ""})
    assert page.status == 303
    found = shown(client.person, agent.person)
    assert (found["holidays"], found["hours"]["saturday"]) == ("FR-57", ["20:00-02:00"])
    assert found["special_days"] == [{"first": "2099-05-01", "last": "2099-05-01", "hours": ["10:00-11:00"]}]
    # Hours without a day are not lost in silence.
    lost = agent.fill("/profile/page", "/profile/page", first="", spans="10-11")
    assert (lost.status, lost.alert.startswith("Each needs a date")) == (400, True)


def test_hours_are_advice_and_who_is_here_is_asked(server, client, agent):
    """Neither does their end turn the switch off, nor their beginning put anybody there."""
    other = server.person("agent", "Elsewhere")
    assert patch(agent.person, special_days=[{"first": "2000-01-01"}], hours={}).status == 200
    now = server.database.read(store.server.now) // 1000
    tomorrow = DAYS[(now // 86_400 + 4) % 7]
    patch(agent.person, time_zone="UTC", hours={tomorrow: ["00:00-24:00"]})
    patch(other, time_zone="UTC", hours={day: ["00:00-24:00"] for day in DAYS}, available=False)
    assert shown(client.person, agent.person)["opening"]["is_open"] is False
    assert shown(client.person, other)["opening"] == {"is_open": True, "until": None, "opens_at": None}
    refused = client.person.post("/api/chat/sessions", {"agent_id": other.id, "rate_per_minute": 9})
    assert (refused.status, refused.json["code"]) == (409, "agent_unavailable")
    page = client.open(f"/agents/{agent.person.id}")
    assert "Available" in page.text and "Back" not in page.text
    assert client.fill(f"/sessions/new?agent_id={agent.person.id}", "/sessions").status == 200
    patch(agent.person, available=False)
    page = client.open(f"/agents/{agent.person.id}")
    assert re.search(r"Back (at|on \w+day) \d", page.text), page.text
    assert (
        f'datetime="{shown(client.person, agent.person)["opening"]["opens_at"][:10]}T' in page.body.decode()
    )


def test_agents_are_chosen_and_sorted_on_every_page_of_the_list(server, client):
    """By a language that nobody else in the tests speaks."""
    always = {day: ["00:00-24:00"] for day in DAYS}
    people = {}
    for name, rate, stars in (("dear", 400, 5), ("cheap", 100, 3), ("mean", 200, 4)):
        people[name] = agent = server.person("agent", name, rate_cents=rate)
        patch(agent, languages=["kab", "en"], hours=always if name != "mean" else {})
        one, talk = rated(server, "Camille Moreau", agent)
        one.do("rating", talk, rating=stars)
    patch(people["cheap"], available=False)
    names = {agent.id: name for name, agent in people.items()}

    def told(**query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        answer = client.person.get(f"/api/chat/agents?language=kab&{text}")
        html = client.open(f"/agents?language=kab&{text.replace('maxRate', 'most')}").text
        found = [names[each["id"]] for each in answer.json["agents"]]
        if "limit" not in query:
            assert sorted(found, key=html.index) == found, html
        return found, answer.json["has_more"]

    assert told() == (["dear", "cheap", "mean"], False)
    assert told(sort="price") == (["cheap", "mean", "dear"], False)
    assert told(sort="rating") == (["dear", "mean", "cheap"], False)
    assert told(when="here", sort="price") == (["mean", "dear"], False)
    assert told(when="open") == (["dear", "cheap"], False)
    assert told(maxRate="2.00", sort="rating") == (["mean", "cheap"], False)
    assert told(sort="price", limit=2) == (["cheap", "mean"], True)
    assert told(sort="price", limit=2, page=2) == (["dear"], False)
    # Five accepted requests are a measure; who has none comes last.
    for _ in range(4):
        rated(server, "Camille Moreau", people["mean"])
    assert told(sort="wait")[0] == ["mean", "dear", "cheap"]
    nobody = client.open("/agents?language=kab&most=0.5")
    assert "Nobody is as you wish" in nobody.text
    wrong = client.open("/agents?most=cheap")
    assert (wrong.status, wrong.alert) == (400, "Enter an amount in EUR, like 12.50.")
    assert client.person.get("/api/chat/agents?when=never").json["field"] == "when"


def test_words_of_a_rating_are_read_only_as_their_client_wants_it(server, agent, admin):
    reader, here = server.person("client"), f"/agents/{agent.person.id}"
    rated(server, "Silent Bob", agent.person, "kanarie-silent", public=False)
    camille, talk = rated(server, "Camille Moreau", agent.person, "kanarie-clear")
    rated(server, "Zoë", agent.person, "kanarie-alone")

    def said(who=reader):
        return {each["comment"]: each["name"] for each in shown(who, agent.person)["reviews"]}

    assert said() == {"kanarie-alone": "Z.", "kanarie-clear": "Camille"}
    page = Visitor(server, reader).open(here)
    assert "kanarie-clear" in page.text and "Moreau" not in page.text
    assert [each["action"] for each in page.posts if "reviews" in each["action"]] == []
    # An administrator hides it; the client's next rating does not bring it back, an administrator does.
    hidden = admin.fill(here, f"/admin/reviews/{talk}")
    assert "Hidden" in hidden.text
    camille.do("rating", talk, rating=5, comment="kanarie-anew", public=True)
    assert "kanarie-anew" not in said() and said(admin.person)["kanarie-anew"] == "Camille"
    for who in (reader, agent.person):
        assert who.post(f"/api/chat/reviews/{talk}/show").status == 403
    assert admin.person.post(f"/api/chat/reviews/{talk}/show").json == {"success": True}
    assert said()["kanarie-anew"] == "Camille"
    # Its client takes it back, with the form below the conversation.
    own = Visitor(server, camille)
    assert own.open(here).link(f"/sessions/{talk}")
    fields = own.open(f"/sessions/{talk}").form(f"/sessions/{talk}/rating")
    assert fields["public"] == "1"
    del fields["public"]
    assert own.post(f"/sessions/{talk}/rating", fields).status == 303
    assert "kanarie-anew" not in said(admin.person)
    assert admin.person.post(f"/api/chat/reviews/{talk}/hide").status == 404
    kinds = [each["kind"] for each in admin.person.get("/api/chat/audit").json["entries"]]
    assert kinds[:2] == ["review_shown", "review_hidden"]


def test_a_picture_is_made_small_and_shown_to_who_is_signed_in(server, client, agent):
    path = f"/agents/{agent.person.id}"
    assert "<img" not in client.open(path).body.decode()
    assert upload(agent, picture()).status == 303
    address = shown(client.person, agent.person)["picture"]
    assert client.open(path).body.decode().count(f'src="{address}"') == 1
    found = client.request("GET", address)
    assert (found.status, found.headers["Content-Type"]) == (200, "image/webp")
    assert found.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    assert max(Image.open(BytesIO(found.body)).size) == 256
    assert Visitor(server).request("GET", address).status == 303
    assert client.request("GET", f"{address[:-4]}0000").status == 404
    for wrong, status in ((b"<svg onload='alert(1)'/>", 415), (picture()[:300], 415), (b"", 415)):
        refused = upload(agent, wrong)
        assert (refused.status, bool(refused.alert)) == (status, True)
    assert upload(agent, picture(), name="other").status == 400
    assert upload(client, picture()).status == 403
    by_api = [who.person.request("POST", f"{ME}/picture", picture()) for who in (agent, client)]
    assert [each.status for each in by_api] == [200, 403]
    assert upload(agent, picture()).status == 303
    assert shown(client.person, agent.person)["picture"] == address  # The same again.
    agent.fill("/profile/page", "/profile/picture/delete")
    assert shown(client.person, agent.person)["picture"] is None
    assert client.request("GET", address).status == 404


def test_what_is_on_a_page_is_exported_and_gone_when_its_agent_is_erased(server, client, run):
    agent = Visitor(server, server.person("agent", "Anaïs"))
    assert upload(agent, picture()).status == 303
    patch(agent.person, languages=["oc"], hours={"monday": ["09:00-10:00"]}, holidays="FR")
    mine = agent.open("/profile/data.json")
    page = json.loads(mine.body)["page"]
    assert page["languages"] == ["oc"] and page["hours"] == {"monday": ["09:00-10:00"]}
    assert page["picture"].startswith("data:image/webp;base64,")
    address = shown(client.person, agent.person)["picture"]
    run(server, "erase", email_of(server, agent.person), "--yes")
    assert client.request("GET", address).status == client.open(f"/agents/{agent.person.id}").status == 404

    def left(db):
        return store.profiles.of_agent(db, agent.person.id), store.portraits.hashes(db).get(agent.person.id)

    assert server.database.read(left) == (None, None)


def test_words_of_who_is_erased_are_read_no_more(server, client, agent, run):
    camille, _ = rated(server, "Camille Moreau", agent.person, "kanarie-erased")
    assert len(shown(client.person, agent.person)["reviews"]) == 1
    run(server, "erase", email_of(server, camille), "--yes")
    assert shown(client.person, agent.person)["reviews"] == []
    assert shown(client.person, agent.person)["ratings"] == 1


def test_a_first_step_is_done_when_it_is_so(runtime):
    admin, before = User(1, "admin", "Root", b""), runtime.settings

    def done(**settings):
        runtime.settings = Settings(**settings)
        found = {each.name for each in steps.left(runtime, admin) if each.is_done}
        runtime.settings = before
        return found

    def add_agent(db):
        store.users.insert(db, "agent", "A", "a@example.org", "", 0, 1)

    https, mail = {"url": "https://chat.example.org"}, {"smtp_url": "smtp://localhost:25?tls=none"}
    assert done(url="http://chat.example.org", operator_name="SARL") == set()
    assert done(**https) == {"address"}
    assert done(**mail) == {"mail"}
    assert done(operator_name="SARL", operator_address="Paris") == {"operator"}
    runtime.database.write(add_agent)
    assert done() == {"agent"}
    runtime.database.write(lambda db: store.users.set_rate(db, 1, 100))
    assert done() == {"agent", "price"}
    pairs.create(runtime, 1, "")
    assert done() == {"agent", "price", "conversation"}
    runtime.database.write(lambda db: store.server.note_backup(db, 1))
    assert done() == {"agent", "price", "conversation", "backup"}
    runtime.settings = Settings(**https, **mail, operator_name="SARL", operator_address="Paris")
    assert steps.left(runtime, admin) == []
    runtime.settings = before
    assert steps.left(runtime, admin)
    steps.put_away(runtime, admin)
    assert steps.left(runtime, admin) == []


def test_hours_are_told_on_the_readers_clock_and_a_photo_is_made_small_before_it_is_sent(
    server, agent, tmp_path, visit
):
    """The server is in UTC, the browser in Paris; a photo is larger than what a form may bring."""
    (tmp_path / "photo.png").write_bytes(noise())
    desk = visit(server, agent.person)
    desk.open("/profile/page")
    desk.page.set_input_files("#picture", tmp_path / "photo.png")
    desk.follow("[data-portrait] button")
    desk.page.get_by_text("Saved.").wait_for()
    assert shown(agent.person, agent.person)["picture"]
    patch(
        agent.person, time_zone="Asia/Kolkata", hours={day: ["12:00-24:00"] for day in DAYS}, available=False
    )
    page = visit(server, server.person("client")).page
    page.goto(f"/agents/{agent.person.id}")
    page.wait_for_function("document.querySelector('[data-zone]').textContent === 'Europe/Paris'")
    clocks = page.locator(".openings time[data-time=clock]")
    assert {plain(text) for text in clocks.all_text_contents()} == {"7:30 AM", "7:30 PM"}
    told = plain(page.locator(".agent-head").text_content())
    assert re.search("(Back at|Back on [A-Z][a-z]+day|Usually here until) 7:30 [AP]M", told), told
    assert (
        page.locator(".avatar.is-large img").evaluate(
            "image => image.decode().then(() => image.naturalWidth)"
        )
        == 256
    )


def plain(text):
    """Without the spaces that languages have of their own."""
    return " ".join(text.split())


def noise():
    content = BytesIO()
    Image.frombytes("RGB", (300, 300), randbytes(270_000)).save(content, "PNG")
    return content.getvalue()
