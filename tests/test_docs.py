"""What can be used is in the docs, and what is in the docs can be used."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from click import Group

from app import create_app
from chat import cli, errors
from chat.settings import ENV_FILE, Settings, variable, written
from tests.server import ROOT

DOCS = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting):
    columns = (
        f"`{variable(setting.name)}`",
        f"`{written(setting.default)}`",
        setting.metadata["unit"],
        setting.metadata["help"],
    )
    assert f"| {' | '.join(columns)} |" in DOCS["settings.md"]


def test_no_setting_is_documented_that_is_none():
    named = set(re.findall(r"CHAT_[A-Z_]+", "\n".join([README, *DOCS.values()])))
    assert named <= {variable(setting.name) for setting in fields(Settings)} | {ENV_FILE}


@pytest.mark.parametrize("problem", errors.catalogue(), ids=lambda problem: problem.code)
def test_every_error_is_documented(problem):
    assert f"| {problem.status} | `{problem.code}` |" in DOCS["api.md"]


def test_every_route_is_documented(tmp_path):
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path / 'chat.db'}"))
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            method = next(iter(rule.methods - {"HEAD", "OPTIONS"}))
            path = rule.rule.replace("<chat_session_id>", "<sessionId>")
            assert f"`{method} {path}`" in DOCS["api.md"] + DOCS["pages.md"]
    app.extensions["chat"].close()


COMMANDS = {
    f"{prefix}{name}": command
    for prefix, group in (
        ("", cli.chat),
        *((f"{name} ", each) for name, each in cli.chat.commands.items() if isinstance(each, Group)),
    )
    for name, command in group.commands.items()
    if not isinstance(command, Group)
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name):
    row = next(line for line in DOCS["operating.md"].splitlines() if re.match(rf"\| `{name}[ `]", line))
    for parameter in COMMANDS[name].params:
        longest = max(parameter.opts, key=len)
        if longest.startswith("--") and longest not in ("--help", "--password"):
            assert longest in row


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_every_guarantee_and_defence_names_tests_and_files_that_there_are():
    rows = re.findall(r"^\| G(\d+) \|.*\| (.*?) \| (.*?) \|$", DOCS["guarantees.md"], re.MULTILINE)
    assert [int(number) for number, *_ in rows] == list(range(1, 17))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    there_are = set(re.findall(r"^def (test_\w+)", tests, re.MULTILINE))
    threats = re.findall(r"^\| [^|]+ \| (.*?) \| (`test_.*?) \|$", DOCS["security.md"], re.MULTILINE)
    assert len(threats) >= 10
    for how, shown_by in [*(row[1:] for row in rows), *threats]:
        named = set(re.findall(r"`(test_\w+)`", shown_by))
        assert named and named <= there_are, named - there_are
        assert all((ROOT / path).exists() for path in re.findall(r"`(chat/[^`]+)`", how))


def rooms():
    """(path, sentence) of every module in the table; those that share a row are in one folder."""
    for names, sentence in re.findall(
        r"^\| (`chat/.*?`) \| (.+?) \|$", DOCS["architecture.md"], re.MULTILINE
    ):
        first, *others = re.findall(r"`([^`]+)`", names)
        folder = Path(first).parent
        yield from ((str(folder / Path(name).name), sentence) for name in (first, *others))


def test_every_room_is_in_the_architecture_with_a_sentence_and_no_other():
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "chat").rglob("*.py")]
    files += [str(path.relative_to(ROOT)) for path in (ROOT / "chat").rglob("*.toml")]
    assert sorted(path for path, _ in rooms()) == sorted(path for path in files if "__init__" not in path)


def test_the_changelog_tells_what_is_coming():
    assert Path(ROOT / "CHANGELOG.md").read_text().startswith("# Changelog\n\n## ")
