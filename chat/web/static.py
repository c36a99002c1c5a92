"""The static files: a name that changes with their content, and what a page's scripts import."""

import re
from hashlib import sha256
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from flask import Flask

# A year, as long as any cache keeps anything; and no question in between whether it is still the same.
IMMUTABLE = "public, max-age=31536000, immutable"
# What only such a question, or half a file, would need: on thirty files they are more than a script.
NEVER_ASKED = ("ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition")
VERSION_DIGITS = 16
VERSION = re.compile(f"[0-9a-f]{{{VERSION_DIGITS}}}")
# `import … from "./x.js"`, `import "./x.js"` and `export … from "./x.js"`, at the beginning of a line.
IMPORT = re.compile(r"""^(?:import|export)\b(?:[^"'=;()]*\bfrom)?\s*["'](\.{1,2}/[^"']+)["']""", re.MULTILINE)
# A line of comment alone, and what lines are moved in by.
UNREAD = re.compile(rb"^ *//.*$|^ +", re.MULTILINE)


def without_comments(script: bytes) -> bytes:
    """What a browser needs of it, each line in its place: the rest is a fifth of what travels."""
    return UNREAD.sub(b"", script)


class Static:
    """The files of a folder, as they were when the server started.

    All share one version, in the place of a folder: `/static/<version>/js/page.js`. So what a script imports
    by a relative path has it, too.
    """

    def __init__(self, folder: Path) -> None:
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        digest = sha256()
        for name, path in sorted(files.items()):
            digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
        self.version = digest.hexdigest()[:VERSION_DIGITS]
        self._imports = {
            name: [normpath(join(dirname(name), found)) for found in IMPORT.findall(path.read_text())]
            for name, path in files.items()
            if path.suffix == ".js"
        }

    def find(self, name: str) -> tuple[str, bool]:
        """The path of a file by its name on the web, and whether what has that name stays the same.

        A page from before an update asks for a version that is gone, and gets what there is now.
        """
        version, _, path = name.partition("/")
        return (path, version == self.version) if VERSION.fullmatch(version) else (name, False)

    def preloads(self, *scripts: str) -> list[str]:
        """What these import, and what that imports, without themselves; the nearest first."""
        found = list(scripts)
        for script in found:  # It grows meanwhile.
            found += [name for name in self._imports[script] if name not in found]
        return found[len(scripts) :]


def register(app: Flask) -> Static:
    """Give the files of `app` their version, and its templates `preloads`."""
    static = Static(Path(str(app.static_folder)))

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        # Not while somebody works on the files.
        if endpoint == "static" and not app.debug:
            values["filename"] = f"{static.version}/{values['filename']}"

    app.jinja_env.globals["preloads"] = static.preloads
    return static
