"""gunicorn's workers: what comes in is read in one place, and answered on greenlets or on threads.

gunicorn imports this in its main process, before gevent has patched anything; so what needs the system's own
threads and selectors takes them here.
"""

from chat.database import native  # noqa: F401  (the threads)
from chat.live import watch  # noqa: F401  (the selector)
