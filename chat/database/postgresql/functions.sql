-- Functions that SQLite has, and PostgreSQL lacks or has by another name: those that the store uses.
--
-- All but the random one are of a kind that the planner writes into the query in their place.

CREATE FUNCTION iif(boolean, anycompatible, anycompatible) RETURNS anycompatible
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 THEN $2 ELSE $3 END';

-- Of two; NULL if either is, where greatest() and least() would leave it out.
CREATE FUNCTION max(anycompatible, anycompatible) RETURNS anycompatible
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 >= $2 THEN $1 WHEN $1 < $2 THEN $2 END';

CREATE FUNCTION min(anycompatible, anycompatible) RETURNS anycompatible
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT CASE WHEN $1 <= $2 THEN $1 WHEN $1 > $2 THEN $2 END';

CREATE FUNCTION instr(text, text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN strpos($1, $2);

-- datetime(seconds, 'unixepoch') → '2026-11-27 14:30:00'
CREATE FUNCTION datetime(bigint, text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(to_timestamp($1) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS');

CREATE FUNCTION hex(bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN upper(encode($1, 'hex'));

-- Of up to 32 bytes, from what the identifiers are made of that PostgreSQL gives: two have 244 random bits.
CREATE FUNCTION randomblob(integer) RETURNS bytea
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, $1);

-- JSON is kept as text, to the letter: what is hashed is read as it was written.
CREATE FUNCTION json_value_of(text, text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CAST($1 AS json) ->> $2;

CREATE FUNCTION json_value_of(text, integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CAST($1 AS json) ->> $2;

CREATE OPERATOR ->> (LEFTARG = text, RIGHTARG = text, FUNCTION = json_value_of);
CREATE OPERATOR ->> (LEFTARG = text, RIGHTARG = integer, FUNCTION = json_value_of);

-- Of an array: its places, from 0, and its values, as texts. Without names pg_dump writes what psql cannot read.
CREATE FUNCTION json_each(content text) RETURNS TABLE (key bigint, value text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT number - 1, element
    FROM json_array_elements_text(CAST($1 AS json)) WITH ORDINALITY AS each (element, number);
END;

-- The same of an array in an object: json_each(content, '$.shares').
CREATE FUNCTION json_each(content text, path text) RETURNS TABLE (key bigint, value text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT number - 1, element
    FROM json_array_elements_text(CAST($1 AS json) -> substr($2, 3)) WITH ORDINALITY AS each (element, number);
END;
