"""Money: whole cents everywhere, two decimals on the wire."""

from typing import Any


class Cents(int):
    """An amount in cents; written as 12.50."""

    def __str__(self) -> str:
        units, cents = divmod(abs(self), 100)
        return f"{'-' if self < 0 else ''}{units}.{cents:02d}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """On the wire it is a number."""
        return handler(float)
