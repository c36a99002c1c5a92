"""Names of files that change with them, and scripts that are asked for all at once."""

import re

import pytest

from chat.web.static import Static
from tests.server import ROOT
from tests.test_browser import strange

PRELOAD = r'<link rel="modulepreload" href="([^"]+)">\s*'
SCRIPT = r'<script type="module" src="([^"]+)">'
FILES = {
    "js/page.js": 'import { a } from "./a.js";\nimport "./far/b.js";\nconst text = "./not.js";\n',
    "js/a.js": 'export const from = "./no.js";\nexport {\n  b,\n} from "./far/b.js";\n',
    "js/far/b.js": 'import {\n  c,\n  d,\n} from "../c.js";\n// import "./comment.js"\n',
    "js/c.js": 'import { a } from "./a.js"; // a circle\n',
    "js/alone.js": "",
    "css/page.css": "body { color: red }",
}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_what_a_script_imports_is_found_through_all_files(folder):
    static = Static(folder)
    assert static.preloads("js/page.js") == ["js/a.js", "js/far/b.js", "js/c.js"]
    assert static.preloads("js/alone.js", "js/c.js") == ["js/a.js", "js/far/b.js"]
    assert static.preloads("js/alone.js") == []


def test_a_file_that_changes_changes_the_version(folder):
    before = Static(folder).version
    assert Static(folder).version == before
    seen = {before}
    (folder / "css" / "page.css").write_text("body { color: tan }")
    seen.add(Static(folder).version)
    (folder / "css" / "page.css").rename(folder / "css" / "other.css")
    seen.add(Static(folder).version)
    (folder / "js" / "new.js").write_text("")
    seen.add(Static(folder).version)
    assert len(seen) == 4


@pytest.fixture(scope="module")
def files(site):
    """What the first page loads."""
    return re.findall(r'(?:src|href)="(/static/[^"]+)"', site.client().get("/login").body.decode())


def test_a_file_with_its_version_is_kept_and_one_without_is_asked_for_each_time(site, files):
    somebody = site.client()
    assert {path.rpartition(".")[2] for path in files} == {"js", "css", "svg"}
    for path in files:
        kept = somebody.get(path)
        assert (kept.status, kept.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
        assert "default-src 'none'" in kept.headers["Content-Security-Policy"]
        plain = re.sub("/static/[0-9a-f]{16}/", "/static/", path)
        old = path.replace(path.split("/")[2], "0" * 16)
        for name in (plain, old):
            asked = somebody.get(name)
            assert (asked.status, asked.headers["Cache-Control"]) == (200, "no-cache"), name
            assert asked.body == kept.body
            again = somebody.get(name, If_None_Match=asked.headers["ETag"])
            assert (again.status, again.headers["Cache-Control"]) == (304, "no-cache")
    version = files[0].split("/")[2]
    for path in (f"/static/{version}/", f"/static/{version}/js/none.js", f"/static/{version}/../app.py"):
        assert somebody.get(path).status == 404


@pytest.mark.parametrize(
    ("role", "path"),
    [
        (None, "/login"),
        ("client", "/sessions"),
        ("client", "/sessions/{id}"),
        ("agent", "/inbox"),
        ("agent", "/sessions/{id}"),
        ("admin", "/admin/diagnosis"),
    ],
)
def test_a_page_preloads_exactly_what_its_scripts_import(site, visit, role, path):
    session_id, client, agent = strange(site)
    people = {"client": client, "agent": agent, "admin": site.person("admin")}
    visitor, here, html = visit(site, people.get(role)), path.format(id=session_id), []

    def answer_without_preloads(route):
        response = route.fetch()
        html.append(response.text())
        route.fulfill(response=response, body=re.sub(PRELOAD, "", html[0]))

    visitor.page.route(f"**{here}", answer_without_preloads)
    visitor.open(here)
    assert scripts_of(visitor) == sorted(re.findall(PRELOAD, html[0]) + re.findall(SCRIPT, html[0]))


def test_all_scripts_are_asked_for_before_one_has_told_what_it_imports(site, visit):
    session_id, client, _ = strange(site)
    visitor = visit(site, client)
    for name in ("conversation", "page"):
        visitor.page.route(
            f"**/{name}.js", lambda route: route.fulfill(body="", content_type="text/javascript")
        )
    html = visitor.open(f"/sessions/{session_id}").text()
    preloads = re.findall(PRELOAD, html)
    assert len(preloads) > 15
    assert scripts_of(visitor) == sorted(preloads + re.findall(SCRIPT, html))


def scripts_of(visitor):
    """Those that the browser has asked for, each once."""
    return sorted(url.removeprefix(visitor.url) for url in visitor.requests if url.endswith(".js"))


def test_scripts_travel_without_their_comments_and_with_their_lines(site, files):
    (path,) = (each for each in files if each.endswith("/js/page.js"))
    served = site.client().get(path).body.decode().split("\n")
    written = (ROOT / "static/js/page.js").read_text().split("\n")
    assert served != written
    assert served == ["" if line.lstrip().startswith("//") else line.lstrip(" ") for line in written]
