"""`tete-a-tete`: settings and log, and then one of the commands; no page of the application is loaded."""

import logging
import os
import sys

from chat import logs
from chat.cli import Away, chat
from chat.database.sqlite.connection import UnsafeSQLite, check
from chat.runtime import Runtime
from chat.settings import SettingError, environment, from_environment


def main() -> None:
    """What the words behind it say; ends the process."""
    try:
        settings = from_environment(environment(os.environ))
        handler = logging.StreamHandler()
        handler.setFormatter(logs.formatter(settings.log_format))
        logs.configure([handler], max(logging.WARNING, logging.getLevelName(settings.log_level.upper())))
        check(settings.workers)
        runtime = Runtime(settings)
    except (SettingError, UnsafeSQLite) as error:
        print(f"Error: {error}", file=sys.stderr)
        raise SystemExit(Away.exit_code) from None
    chat.main(prog_name="tete-a-tete", obj=runtime)
