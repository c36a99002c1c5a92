"""How `pip install -e .` differs: of a checkout nothing is copied but the command."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Editable(BuildHookInterface):
    """Named in pyproject.toml."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before a wheel is built, `version` is "standard" or "editable"."""
        if version == "editable":
            build_data["force_include_editable"] = {f"{self.root}/tete_a_tete.py": "tete_a_tete.py"}
