"""gunicorn's log: a line for each request, and for what it, we and others have to say, in one format."""

import logging
import re
from datetime import timedelta
from typing import Any

from gunicorn import glogging

from chat import logs

# What `access_log_format` is for JSON: nobody has another use for a line that is the same each time.
JSON = logs.JSON
# Its client left before there was an answer: as nginx says it.
LEFT = 499
# What an address consists of; a client may have written it.
NO_ADDRESS = re.compile(r"[^\w.:%\[\]-]")
MS = timedelta(milliseconds=1)


class Logger(glogging.Logger):
    """gunicorn's, whose access log tells no secret, and has one line for a request."""

    def setup(self, cfg: Any) -> None:
        """As gunicorn does, at a reload too; and of this process and those that it forks all loggers."""
        super().setup(cfg)
        if cfg.logconfig or cfg.logconfig_dict or cfg.logconfig_json:
            return
        kind = JSON if cfg.access_log_format == JSON else logs.TEXT
        for handler in [*self.error_log.handlers, *(self.access_log.handlers if kind == JSON else ())]:
            if isinstance(handler, logging.StreamHandler):  # Of syslog the format is gunicorn's.
                handler.setFormatter(logs.formatter(kind))
        logs.configure(self.error_log.handlers, self.loglevel)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """One line."""
        if self.cfg.access_log_format != JSON:
            super().access(resp, req, environ, request_time)
            return
        atoms = self.atoms(resp, req, environ, request_time)
        fields = {
            "request_id": req.id,
            "client": atoms["h"],
            "method": atoms["m"],
            "path": atoms["U"],
            "query": atoms["q"],
            "status": atoms["s"],
            "bytes": atoms["B"],
            "worked_ms": atoms["worked"],
            "waited_ms": atoms["waited"],
            "referer": atoms["f"],
            "user_agent": atoms["a"],
        }
        self.access_log.info("%s", req.id, extra={"fields": fields})

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """What a line may consist of; operators choose with gunicorn's `access_log_format`.

        Beside gunicorn's own `id`, and how many ms somebody `worked` and nobody did (`waited`).
        """
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        public = {name: _public(value) for name, value in atoms.items()}
        waited = timedelta(seconds=req.waited)
        return {
            **public,
            "h": NO_ADDRESS.sub("_", environ["REMOTE_ADDR"]) or "-",
            "u": "-",  # A name that somebody may have taken for where the token belongs.
            "s": int(resp.status_code) if resp.status else LEFT,
            "id": req.id,
            "worked": round((request_time - waited) / MS, 1),
            "waited": round(waited / MS, 1),
        }


def _public(value: Any) -> Any:
    return logs.public(value) if isinstance(value, str) else value
