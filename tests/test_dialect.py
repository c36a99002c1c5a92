"""How a statement is spelled for PostgreSQL."""

import pytest

from chat.database.postgresql.dialect import translate


@pytest.mark.parametrize(
    ("sql", "expected", "names"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("a = ? AND b = ?", "a = $1 AND b = $2", None),
        ("?2, ?1, ?, ?2", "$2, $1, $3, $2", None),
        (":b, :a, :b", "$1, $2, $1", ("b", "a")),
        ("a::text = :a_1", "a::text = $1", ("a_1",)),
        ("'?' || \":x\" || 'it''s :y' || ?", "'?' || \":x\" || 'it''s :y' || $1", None),
        ("-- what? :no\n?", "-- what? :no\n$1", None),
        ("a /* :x ? */ = ?", "a  = $1", None),
        ("CAST(? AS INTEGER)", "CAST($1 AS BIGINT)", None),
        ("a CROSS JOIN b ON c", "a JOIN b ON c", ()),
        ("books b INDEXED BY books_issued JOIN c", "books b JOIN c", ()),
        ("LIMIT -1", "LIMIT ALL", ()),
        ("LIMIT -10, 'LIMIT -1'", "LIMIT -10, 'LIMIT -1'", ()),
        ("json_object('a', my_json_object)", "json_build_object('a', my_json_object)", ()),
        ("LIKE 'receipt.%' || ?", "LIKE 'receipt.%' || $1", None),
    ],
)
def test_each_construct(sql, expected, names):
    assert translate(sql) == (expected, names)
