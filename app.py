"""The application factory: `gunicorn` and `flask --app app` both start here."""

import logging
import os

from flask import Flask, Request, Response
from werkzeug.exceptions import BadRequest
from werkzeug.routing import MapAdapter

from chat import cli
from chat.database.connection import check_version, sqlite3
from chat.process import Process
from chat.settings import Settings, from_environment
from chat.web import language, pages, problems
from chat.web.agents import agents
from chat.web.answer import compressed
from chat.web.diagnosis import diagnosis
from chat.web.fetching import fetching
from chat.web.login import login
from chat.web.operation import operation
from chat.web.page import SAFETY
from chat.web.routes import Routes
from chat.web.sending import sending
from chat.web.sessions import sessions
from chat.web.signals import signals
from chat.web.sockets import sockets
from chat.web.streaming import streaming

log = logging.getLogger("chat")


class Application(Flask):
    """Flask, with routes that leave no garbage, and an answer to a Host that cannot be one."""

    url_map_class = Routes

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Flask's; raises BadRequest, which becomes the answer."""
        try:
            return super().create_url_adapter(request)
        except UnicodeError:
            raise BadRequest from None

    def send_static_file(self, filename: str) -> Response:
        """Flask's; a browser asks each time whether it is still the same."""
        response = super().send_static_file(filename)
        response.headers.extend(SAFETY)
        return compressed(response)


def create_app(settings: Settings | None = None) -> Flask:
    """The application of one process, its database at the newest schema.

    Raises SettingError for a setting that cannot be read, UnsafeSQLite where data would be at risk.
    """
    settings = settings or from_environment(os.environ)
    if warning := check_version(sqlite3.sqlite_version_info, settings.workers):
        log.warning(warning)
    app = Application(__name__)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    process = Process(settings)
    process.prepare()
    app.extensions["chat"] = process
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    problems.register(app)
    language.register(app, settings)
    for blueprint in (
        sending,
        fetching,
        streaming,
        sockets,
        sessions,
        signals,
        agents,
        login,
        operation,
        diagnosis,
        *pages.ALL,
    ):
        app.register_blueprint(blueprint)
    app.cli.add_command(cli.chat)
    return app
