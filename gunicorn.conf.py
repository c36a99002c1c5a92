"""gunicorn's configuration, from the settings in chat/settings.py."""

import os
import resource
import runpy
import signal
from pathlib import Path

# Run by path, not imported: an import here would be kept by the main process across a reload (SIGHUP), and
# would come before gevent has patched the standard library.
_settings_file = runpy.run_path(str(Path(__file__).parent / "chat" / "settings.py"))
try:
    _environment = _settings_file["environment"](os.environ)
    _settings = _settings_file["from_environment"](_environment)
except _settings_file["SettingError"] as _error:
    raise SystemExit(f"Error: {_error}") from None

wsgi_app = "app:serve()"
pythonpath = str(Path(__file__).parent)
bind = _settings.bind
workers = _settings.workers
worker_class = {
    "gevent": "chat.worker.greenlets.GeventWorker",
    "gthread": "chat.worker.threads.ThreadWorker",
}[_settings.worker_class]
threads = _settings.threads
# Held polls and, beside them, connections that send, read or idle.
worker_connections = _settings.max_waiters + 2000
backlog = 4096
keepalive = _settings.keepalive_seconds
max_requests = _settings.max_requests
max_requests_jitter = _settings.max_requests // 10
# A worker's heartbeat, not the time that a request may take.
timeout = 60
graceful_timeout = 20
# A proxy tells no path: by default anybody on this machine could, and a wrong one is answered 500.
forwarder_headers = ""
# On by default, and shared by all instances of one user.
control_socket_disable = True
logger_class = "chat.worker.log.Logger"
accesslog = "-" if _settings.access_log else None
_LINE = '%(h)s - - %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" worked=%(worked)sms waited=%(waited)sms %(id)s'
# Of JSON it is the name, for all logs: see chat/worker/log.py.
access_log_format = "json" if _settings.log_format == "json" else _LINE
loglevel = _settings.log_level
proc_name = "tete-a-tete"


def on_starting(server):
    """Every held poll is an open file: raise the limit, and say how far that reaches."""
    if server.cfg.is_ssl:
        raise SystemExit("TLS is a proxy's to do: start without --certfile; see docs/deploy.md")
    # The main process's class, for which gunicorn has no setting.
    server.__class__ = server.worker_class.arbiter
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = worker_connections + 100
    # Not more than is wanted where there is no end: macOS refuses that.
    raised = max(soft, wanted) if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    server.log.info("Open files: %d (was %d)", raised, soft)
    if raised < wanted:
        server.log.warning(
            "%d connections need more open files than the system allows; see `ulimit -Hn`",
            worker_connections,
        )
    for name in _settings_file["unknown"](_environment):
        server.log.warning("%s is no setting; see docs/settings.md", name)


def child_exit(server, worker):
    """However it died."""
    worker.reaped()


def post_fork(server, worker):
    """Until a worker has handlers of its own, the main process's would swallow its SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
