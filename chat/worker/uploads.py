"""Files on their way to the server: which requests bring one, and where it is until all of it is there."""

import re
import threading
from collections import Counter
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import Any

# Where one may be sent to, below the prefix.
PATHS = r"/(api/chat/attachments/[0-9]+|sessions/[0-9]+/messages)"
# Beside the file: its name, the words with it, and what parts them.
FORM_BYTES = 65_536
# Kept in memory up to here.
SMALL_BYTES = 65_536
# One user's part of all that come at a time.
PART = 4


class Refused(Exception):
    """As many come as may, of all or of this user."""


class Uploads:
    """Those of one process. `user_of(connection, request)` tells who sends it, or None where nobody may.

    Only who is signed in may send more than a message has: all others are answered by what their head says.
    """

    def __init__(self, settings: Any, folder: Any, user_of: Callable[[Any, Any], int | None]) -> None:
        self.most_bytes = settings.attachment_bytes + FORM_BYTES
        self._most, self._folder, self._user_of = settings.uploads, folder, user_of
        self._path = re.compile(re.escape(settings.prefix) + PATHS)
        self._lock = threading.Lock()
        self._open: Counter[int] = Counter()

    def begin(self, connection: Any, request: Any) -> "Upload | None":
        """A body for a request that brings a file; None for any other, and for who may send none.

        Raises Refused, and OSError where nothing can be kept.
        """
        if request.method != "POST" or not self._path.fullmatch(request.path):
            return None
        user_id = self._user_of(connection, request)
        if user_id is None:
            return None
        with self._lock:
            if self._open.total() >= self._most or self._open[user_id] >= max(1, self._most // PART):
                raise Refused
            self._open[user_id] += 1
        return Upload(self, user_id, self._folder)

    def end(self, user_id: int) -> None:
        """One of this user's is over."""
        with self._lock:
            self._open[user_id] -= 1
            if not self._open[user_id]:
                del self._open[user_id]


class Upload(SpooledTemporaryFile[bytes]):
    """What has come of one: on disk, without a name, where it is not small."""

    def __init__(self, uploads: Uploads, user_id: int, folder: Any) -> None:
        super().__init__(SMALL_BYTES, dir=str(folder))
        self._uploads, self._user_id = uploads, user_id
        self.most_bytes = uploads.most_bytes

    def close(self) -> None:
        """It is gone; a second time that is nothing new."""
        if not self.closed:
            self._uploads.end(self._user_id)
        super().close()
