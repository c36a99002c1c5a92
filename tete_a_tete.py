"""The command `tete-a-tete`: in a checkout, and as the package that pip makes of one."""

import sys
from pathlib import Path

# There it is beside app.py, too, in a folder of its own.
sys.path.insert(0, str(Path(__file__).parent))

from chat.cli.command import main

__all__ = ["main"]
