"""The static files: a name that changes with their content, and scripts together with what they import."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from flask import Flask

# A year, as long as any cache keeps anything; and no question in between whether it is still the same.
IMMUTABLE = "public, max-age=31536000, immutable"
# What only such a question, or half a file, would need.
NEVER_ASKED = ("ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition")
VERSION_DIGITS = 16
VERSION = re.compile(f"[0-9a-f]{{{VERSION_DIGITS}}}")
# `import "./x.js"` and `import { a, b } from "./x.js"`, and what stands before what is exported.
IMPORT = re.compile(r"""^import (?:(\{[^}]*\}) from )?"(\.{1,2}/[^"]+)";""", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:const|class|function) (\w+))", re.MULTILINE)
NOT_UNDERSTOOD = re.compile(r"^(?:import|export)\b.*|\bimport\(.*|\bimport\.meta\b", re.MULTILINE)
# A line of comment alone, and what lines are moved in by.
UNREAD = re.compile(r"^ *//.*\n|^ +|^\n", re.MULTILINE)


class Static:
    """The files of a folder, as they were when the server started.

    All share one version, in the place of a folder: `/static/<version>/js/page.js`. A script that is asked
    for by such a name comes with all that it imports, and without what only its readers need: one file.
    """

    def __init__(self, folder: Path) -> None:
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        digest = sha256()
        for name, path in sorted(files.items()):
            digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
        self.version = digest.hexdigest()[:VERSION_DIGITS]
        self._scripts = {name: path.read_text() for name, path in files.items() if path.suffix == ".js"}
        self.bundle = cache(self._bundle)

    def find(self, name: str) -> tuple[str, bool]:
        """The path of a file by its name on the web, and whether what has that name stays the same.

        A page from before an update asks for a version that is gone, and gets what there is now.
        """
        version, _, path = name.partition("/")
        return (path, version == self.version) if VERSION.fullmatch(version) else (name, False)

    def _bundle(self, script: str) -> str:
        """This script behind all that it imports, each in a scope of its own, as modules have.

        Raises ValueError for what would not be the same so: a circle, an import or export of another form.
        """
        done: dict[str, str] = {}
        self._add(script, done, ())
        return "".join(done.values())

    def _add(self, name: str, done: dict[str, str], importers: tuple[str, ...]) -> None:
        if name in importers:
            raise ValueError(f"{name} is imported by what it imports: {importers}")
        if name in done:
            return
        code = self._scripts[name]
        for imported in IMPORT.findall(code):
            self._add(_path(name, imported[1]), done, (*importers, name))

        def take(found: re.Match[str]) -> str:
            module = _variable(_path(name, found[2]))
            return f"const {found[1].replace(' as ', ': ')} = {module};" if found[1] else ""

        exported = ", ".join(EXPORT.findall(code))
        body = EXPORT.sub("", IMPORT.sub(take, code))
        if wrong := NOT_UNDERSTOOD.search(body):
            raise ValueError(f"{name}: {wrong[0]}")
        body = UNREAD.sub("", body)
        done[name] = f"const {_variable(name)} = (() => {{\n{body}return {{ {exported} }};\n}})();\n"


def _path(importer: str, imported: str) -> str:
    return normpath(join(dirname(importer), imported))


def _variable(path: str) -> str:
    return "$" + re.sub(r"\W", "_", path)


def register(app: Flask) -> Static:
    """Give the files of `app` their version."""
    static = Static(Path(str(app.static_folder)))

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        # Not while somebody works on the files.
        if endpoint == "static" and not app.debug:
            values["filename"] = f"{static.version}/{values['filename']}"

    return static
