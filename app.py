"""The application factory: `gunicorn` and `flask --app app` both start here."""

import logging
import os
import re
from collections.abc import Iterator

from flask import Flask, Request, Response
from werkzeug.exceptions import BadRequest
from werkzeug.routing import MapAdapter

from chat import cli, push
from chat.attendance import Attendance
from chat.database.sqlite.connection import UnsafeSQLite, check
from chat.deliveries import Deliveries
from chat.indexing import Index
from chat.mail.carrier import Carrier
from chat.mail.due import Mails
from chat.notices import Notices
from chat.outbox import Carry, Outbox
from chat.retention import Retention
from chat.runtime import BOOT_ERROR, Companion, Runtime
from chat.settings import SettingError, Settings, environment, from_environment
from chat.sweeper import Sweeper
from chat.web import api, language, pages, problems, static
from chat.web.answer import compressed
from chat.web.proxies import Proxied
from chat.web.request import user_of
from chat.web.routes import Routes
from chat.web.static import IMMUTABLE, NEVER_ASKED

# A name, an IPv4 or an IPv6 address, and perhaps a port: anything else would stand in links that we make.
HOST = re.compile(r"([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")

log = logging.getLogger("chat")


class Application(Flask):
    """Flask, with routes that leave no garbage, and an answer to a Host that cannot be one."""

    url_map_class = Routes

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Flask's; raises BadRequest, which becomes the answer."""
        if request is not None and not self._answers_to(request.host):
            raise BadRequest
        try:
            return super().create_url_adapter(request)
        except UnicodeError:
            raise BadRequest from None

    def _answers_to(self, host: str) -> bool:
        """Whether it can be a host, and is one of `CHAT_TRUSTED_HOSTS`: in any letters, with any port."""
        trusted = self.extensions["chat"].settings.trusted_hosts
        named = HOST.fullmatch(host)
        name = f".{named[1].lower()}" if named else ""
        # Werkzeug's own list knows neither an IPv6 address nor capital letters.
        return bool(named) and (
            not trusted
            or any(name.endswith(each) if each[0] == "." else name == f".{each}" for each in trusted)
        )

    def send_static_file(self, filename: str) -> Response:
        """Flask's; without its version a browser asks each time whether a file is still the same."""
        files: static.Static = self.extensions["static"]
        path, is_immutable = files.find(filename)
        response = super().send_static_file(path)
        if is_immutable:
            response.headers["Cache-Control"] = IMMUTABLE
            for name in NEVER_ASKED:
                response.headers.pop(name, None)
            if path.endswith(".js"):
                response.direct_passthrough = False
                response.set_data(files.bundle(path))
        return compressed(response)


def create_app(settings: Settings | None = None) -> Flask:
    """The application of one process; nothing is opened or made before its runtime is started.

    Raises SettingError for a setting that cannot be read, and UnsafeSQLite where data would be at risk.
    """
    settings = settings or from_environment(environment(os.environ))
    check(settings.workers)
    app = Application(__name__)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    runtime = Runtime(settings)
    runtime.companions += _companions(runtime)
    app.extensions["chat"] = runtime
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    proxied = Proxied(app.wsgi_app, settings.proxies)
    if settings.proxies:
        app.wsgi_app = proxied  # type: ignore[method-assign]
    # For the worker, which writes a line for each request.
    app.extensions["client"] = proxied.client
    # For the worker, too, which asks before it takes a file.
    app.extensions["user"] = lambda environ: user_of(app, environ)
    problems.register(app)
    language.register(app, settings)
    app.extensions["static"] = static.register(app)
    for blueprint in (*api.ALL, *pages.ALL):
        app.register_blueprint(blueprint)
    app.cli.add_command(cli.chat)
    return app


def _companions(runtime: Runtime) -> Iterator[Companion]:
    """What runs beside the requests; in the process that leads the last one has the others look."""
    carriers: dict[str, Carry] = {"push": push.Carrier(runtime)}
    deliveries, retention, index = Deliveries(runtime), Retention(runtime), Index(runtime)
    chores = [
        Notices(runtime).look,
        Attendance(runtime).look,
        deliveries.look,
        retention.look,
        index.look,
    ]
    if runtime.settings.has_mail:
        carriers["mail"] = Carrier(runtime)
        chores.append(Mails(runtime).look)
    outbox = Outbox(runtime, carriers)
    yield from (outbox, deliveries, retention, index, Sweeper(runtime, (*chores, outbox.look)))


def serve() -> Flask:
    """The application for gunicorn; what keeps it from starting is told in a line."""
    try:
        return create_app()
    except (SettingError, UnsafeSQLite) as error:
        log.critical("%s", error)
        raise SystemExit(BOOT_ERROR) from None
