"""Whether people may be sent to this process; looking costs one read, and writes nothing."""

from chat import store
from chat.errors import DatabaseUnavailable
from chat.lifecycle import is_out
from chat.runtime import Runtime

OK = "ok"
MEBIBYTE = 2**20
# The write-ahead log alone may take some MB between two checkpoints.
LEAST_FREE_BYTES = 32 * MEBIBYTE


def checks(runtime: Runtime) -> dict[str, str]:
    """OK or what is wrong, without a path: for each of `read`, `write`, `file` and `space`."""
    return {"read": OK, "write": OK, **_database(runtime), "space": _space(runtime)}


def _database(runtime: Runtime) -> dict[str, str]:
    """This process's last transaction tells whether it can write, and the heartbeat whether any can.

    What fails is tried again once a second (`Sweeper.sweep`).
    """
    database = runtime.database
    try:
        time = database.read(store.server.time)
    except DatabaseUnavailable:
        return {"read": "it cannot be read", "file": _file(database.displaced())}
    found = {"file": _file(database.displaced())}
    if failure := database.failure():
        found["write"] = failure
    elif is_out(time, runtime.settings):
        found["write"] = f"no heartbeat for {(time.now - time.heartbeat_at) // 1000} s"
    return found


def _file(displaced: str) -> str:
    return f"{displaced} is not the file that is open" if displaced else OK


def _space(runtime: Runtime) -> str:
    try:
        free = runtime.database.free_bytes()
    except OSError as error:
        return str(error.strerror)
    return OK if free is None or free >= LEAST_FREE_BYTES else f"{free // MEBIBYTE} MiB are free"
