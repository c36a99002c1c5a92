"""Money: whole cents everywhere, two decimals on the wire."""


class Cents(int):
    """An amount in cents; written as 12.50."""

    def __str__(self) -> str:
        return f"{self // 100}.{self % 100:02d}"
