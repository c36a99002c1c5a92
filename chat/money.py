"""Money: whole cents everywhere, two decimals on the wire."""


class Cents(int):
    """An amount in cents; written as 12.50."""

    def __str__(self) -> str:
        units, cents = divmod(abs(self), 100)
        return f"{'-' if self < 0 else ''}{units}.{cents:02d}"
