-- The index of messages by their words. What counts as a word is said in chat/database/postgresql/lexemes.py,
-- from where {letters}, {marks} and {collation} are filled in: SQL and Python find the same ones.

-- As chat.texts.folded does it: without capitals and accents.
CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN length($1) = octet_length($1) THEN lower($1 COLLATE "C")
        ELSE replace(
            translate(
                lower(regexp_replace(
                    replace(normalize($1, NFKD), U&'\0345', U&'\03b9'), '[{marks}]+', '', 'g'
                ) COLLATE {collation}) COLLATE "C",
                U&'\03c2', U&'\03c3'
            ),
            U&'\00df', 'ss'
        ) END
$$;

-- Letters and digits are words, everything else separates; case and the accents of Latin letters are left out.
CREATE FUNCTION words_in(text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN length($1) = octet_length($1)
        THEN regexp_split_to_array(lower($1 COLLATE "C"), '[^a-z0-9]+')
        ELSE regexp_split_to_array(
            translate(
                lower(normalize(
                    regexp_replace(normalize($1, NFD), '([A-Za-z])[\u0300-\u036f]+', '\1', 'g'), NFC
                ) COLLATE {collation}) COLLATE "C",
                U&'\03c2\00b5\017f', U&'\03c3\03bcs'
            ),
            '[^{letters}]+'
        ) END
$$;

-- With their places; of a word that nobody would search for whole, the beginning.
CREATE FUNCTION lexemes_in(text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CAST(coalesce(string_agg('''' || left(word, 500) || ''':' || number, ' '), '') AS tsvector)
    FROM unnest(array_remove(words_in($1), '')) WITH ORDINALITY AS each (word, number)
$$;

-- Of whom a message may be found, in the same index: no text has such words.
CREATE FUNCTION readers(client_id bigint, agent_id bigint) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_tsvector(array_remove(ARRAY['@c' || $1, '@a' || $2], NULL));

CREATE TABLE search (
    message_id BIGINT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    words TSVECTOR NOT NULL
);
CREATE INDEX search_words ON search USING gin (words);
-- So the planner knows a rare word from a common one: the one is looked up, for the other the newest are read.
ALTER TABLE search ALTER COLUMN words SET STATISTICS 1000;

CREATE VIEW searchable AS
SELECT m.id, lexemes_in(m.message) || readers(s.client_id, s.agent_id) AS words
FROM messages m JOIN chat_sessions s ON s.id = m.chat_session_id;

CREATE FUNCTION search_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE search SET words = searchable.words FROM searchable
    WHERE message_id = NEW.id AND searchable.id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER search_message AFTER UPDATE OF message ON messages FOR EACH ROW
WHEN (OLD.message <> NEW.message) EXECUTE FUNCTION search_again();

-- Whoever had a session before does not find it any more; who has it now finds all of it.
CREATE FUNCTION search_for_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE search SET words = searchable.words FROM searchable
    WHERE message_id = searchable.id AND searchable.id IN (SELECT id FROM messages WHERE chat_session_id = NEW.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER search_agent AFTER UPDATE OF agent_id ON chat_sessions FOR EACH ROW
WHEN (OLD.agent_id IS DISTINCT FROM NEW.agent_id) EXECUTE FUNCTION search_for_agent();
