"""Names of files that change with them, and scripts that are asked for all at once."""

import re

import pytest
from playwright.sync_api import Error

from chat.web.static import Static
from tests.server import ROOT
from tests.test_browser import strange

FILES = {
    "js/page.js": """
import { a, d as e } from "./a.js";
import "./far/b.js";
throw [a(), e, "import x"].join();
""",
    "js/a.js": """
import {
  b,
} from "./far/b.js";
// A comment.
export function a() { return own + b; }
const own = "a";
export const d = "d";
""",
    "js/far/b.js": 'import { own } from "../c.js";\nexport const b = own;\n',
    "js/c.js": "export const own = `c // no comment`;\n",
    "css/page.css": "body { color: red }",
}
NOT_UNDERSTOOD = {
    "a circle": 'import { b } from "./far/b.js";\nexport const own = b;\n',
    "what is exported by default": "export default 1;\n",
    "what is exported by a list": "const own = 1;\nexport { own };\n",
    "what is imported as a whole": 'import * as all from "./alone.js";\n',
    "what is imported later": 'const later = () => import("./alone.js");\n',
    "who it is": "const name = import.meta.url;\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_a_script_comes_with_all_that_it_imports_each_in_its_own_scope(folder, visit, site):
    script = f"() => {{ {Static(folder).bundle('js/page.js')} }}"
    with pytest.raises(Error, match=r"^Page.evaluate: ac // no comment,d,import x"):
        visit(site, None).page.evaluate(script)


@pytest.mark.parametrize("code", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_a_script_of_another_form_is_not_served_as_something_else(folder, code):
    (folder / "js" / "c.js").write_text(code)
    with pytest.raises(ValueError, match=r"js/|import|export"):
        Static(folder).bundle("js/page.js")


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
    assert {path.rpartition(".")[2] for path in files} == {"js", "css", "svg", "png"}
    for path in files:
        kept = somebody.get(path)
        assert (kept.status, kept.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
        assert "default-src 'none'" in kept.headers["Content-Security-Policy"]
        plain = re.sub("/static/[0-9a-f]{16}/", "/static/", path)
        old = path.replace(path.split("/")[2], "0" * 16)
        for name in (plain, old):
            asked = somebody.get(name)
            assert (asked.status, asked.headers["Cache-Control"]) == (200, "no-cache"), name
            assert (asked.body == kept.body) == (not path.endswith(".js"))
            again = somebody.get(name, If_None_Match=asked.headers["ETag"])
            assert (again.status, again.headers["Cache-Control"]) == (304, "no-cache")
    version = files[0].split("/")[2]
    for path in (f"/static/{version}/", f"/static/{version}/js/none.js", f"/static/{version}/../app.py"):
        assert somebody.get(path).status == 404


@pytest.mark.parametrize(
    ("role", "path", "script"),
    [
        (None, "/login", "page"),
        ("client", "/sessions", "inbox"),
        ("client", "/sessions/{id}", "conversation"),
        ("agent", "/inbox", "desk"),
        ("admin", "/admin/diagnosis", "diagnosis"),
    ],
)
def test_a_page_asks_for_one_script(site, visit, role, path, script):
    session_id, client, agent = strange(site)
    people = {"client": client, "agent": agent, "admin": site.person("admin")}
    visitor = visit(site, people.get(role))
    visitor.open(path.format(id=session_id))
    visitor.page.wait_for_load_state()
    (asked,) = (url for url in visitor.requests if url.endswith(".js"))
    assert asked.endswith(f"/js/{script}.js")


def test_the_first_question_is_asked_with_the_script_and_not_after_it(site, visit):
    session_id, client, _ = strange(site)
    visitor = visit(site, client)

    held = []
    visitor.page.route("**/*.js", lambda route: held.append(route))
    with visitor.page.expect_response(lambda answer: "/api/chat/sessions?" in answer.url):
        visitor.page.goto(f"/sessions/{session_id}", wait_until="commit")
    held[0].continue_()
    visitor.await_connection("live")
    # Nor is it asked again.
    (asked,) = (url for url in visitor.requests if "/sessions?" in url and "longPoll" not in url)
    assert "cursor=" in asked


def test_a_second_visit_asks_for_the_page_and_the_api_alone(site, visit):
    session_id, client, _ = strange(site)
    visitor, asked = visit(site, client), {}
    visitor.open(f"/sessions/{session_id}")
    visitor.await_connection("live")
    network = visitor.context.new_cdp_session(visitor.page)
    network.send("Network.enable")
    network.on(
        "Network.requestWillBeSent", lambda event: asked.update({event["requestId"]: event["request"]["url"]})
    )
    network.on("Network.requestServedFromCache", lambda event: asked.pop(event["requestId"], None))
    visitor.open(f"/sessions/{session_id}")
    visitor.await_connection("live")
    paths = [url.removeprefix(site.url).partition("?")[0] for url in asked.values()]
    # What is held may be asked for already; a page that is looked at for a while says so.
    later = ("/api/chat/sessions", "/api/chat/read", "/api/chat/looking")
    assert {f"/sessions/{session_id}", "/api/chat/sessions"} <= set(paths)
    assert set(paths) <= {f"/sessions/{session_id}", *later}
    assert len(paths) <= 2 + len(later)


def test_while_somebody_works_on_the_files_they_are_served_as_they_are(site, files):
    (path,) = (each for each in files if each.endswith("/js/page.js"))
    served = site.client().get(re.sub("/static/[0-9a-f]{16}/", "/static/", path)).body
    assert served == (ROOT / "static/js/page.js").read_bytes()
