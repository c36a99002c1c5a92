"""The layers of the code, and what only one file may name."""

import ast

import pytest

from tests.server import ROOT

# Each may import from the ones after it, not from the ones before.
LAYERS = (
    {"cli", "web", "worker"},
    {"demo", "doctor", "moving", "push", "retention", "sweeper"},
    {"clients", "directory", "erasure", "personal", "roles", "transitions", "webhooks"},
    {"archive", "obstacles"},
    {
        "answering",
        "attendance",
        "balances",
        "blocks",
        "credits",
        "currency",
        "deliveries",
        "earnings",
        "exports",
        "guests",
        "health",
        "inbox",
        "metrics",
        "missed",
        "notices",
        "payments",
        "people",
        "replies",
        "reports",
        "reviews",
        "statistics",
        "steps",
        "tokens",
    },
    {"edits", "indexing", "mail", "notes", "search", "widgets"},
    {"uploads"},
    {"agents", "messages", "outbox", "payloads", "receipts", "refunds", "shares", "signals", "verify"},
    {"timeline"},
    {"changes"},
    {"attachments", "profiles", "waiting", "waits"},
    {"sessions"},
    {"accounts", "lifecycle"},
    {"totp"},
    {"attempts", "audit", "background", "periods", "sign_ins"},
    {"runtime"},
    {"books"},
    {"billing"},
    {"wire"},
    {"contents", "live", "providers"},
    {"store"},
    {"database"},
    {"blobs", "counts", "documents", "hours", "languages", "pictures", "sheets", "texts"},
    {"limits", "logs", "clock", "settings", "errors", "money", "version"},
)
FILES = sorted((ROOT / "chat").rglob("*.py"))


def layer_of(module):
    return next(number for number, modules in enumerate(LAYERS) if module in modules)


def imports(path):
    """(module, name) for everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    own = path.relative_to(ROOT / "chat").parts[0].removesuffix(".py")
    for module, name in imports(path):
        if module.split(".")[0] == "chat" and own != "__init__":
            other = module.split(".")[1] if "." in module else name
            assert other == own or layer_of(own) < layer_of(other), f"{own} imports {other}"


@pytest.mark.parametrize(
    ("package", "home"),
    [("gevent", "greenlets.py"), ("httptools", "connection.py"), ("sqlite3", "connection.py")],
)
def test_some_packages_have_one_home(package, home):
    assert {path.name for path in users(package)} == {home}


def test_gunicorn_is_the_workers():
    assert {path.parent for path in users("gunicorn")} == {ROOT / "chat" / "worker"}


def users(package):
    """The files that import it."""
    return [path for path in FILES if package in {module.split(".")[0] for module, _ in imports(path)}]


def test_the_hub_knows_nothing_of_us():
    modules = {module.split(".")[0] for module, _ in imports(ROOT / "chat" / "live" / "hub.py")}
    assert modules == {"threading", "collections", "time", "types", "typing", "sys"}


def test_gunicorn_reads_its_configuration_without_importing_us():
    modules = {module.split(".")[0] for module, _ in imports(ROOT / "gunicorn.conf.py")}
    assert not modules & {"chat", "app"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_idea_has_one_name(path):
    """No import gives it another, but for the `_` of texts; and `db` comes first."""
    tree = ast.walk(ast.parse(path.read_text()))
    nodes = list(tree)
    imported = [
        each for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for each in node.names
    ]
    assert [each.name for each in imported if each.asname not in (None, "_")] == []
    functions = [node.args for node in nodes if isinstance(node, ast.FunctionDef | ast.Lambda)]
    names = [[each.arg for each in args.args if each.arg != "self"] for args in functions]
    assert [each for each in names if "db" in each[1:]] == []
