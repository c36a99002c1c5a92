"""Whether machine, settings and database carry the server."""

from chat.doctor.examination import examine

__all__ = ["examine"]
