-- What the database sees to by itself, as the triggers of SQLite do.

-- Tables that are only ever added to.

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation';
END
$$;

-- What was written before the currency was known is given one, once.
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger FOR EACH ROW
WHEN (OLD.currency <> '' OR NEW.currency = '') EXECUTE FUNCTION refuse('the ledger is append-only');
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger FOR EACH ROW
EXECUTE FUNCTION refuse('the ledger is append-only');

CREATE TRIGGER payouts_no_change BEFORE UPDATE OR DELETE ON payouts FOR EACH ROW
EXECUTE FUNCTION refuse('the payouts are append-only');

CREATE TRIGGER books_no_change BEFORE UPDATE OR DELETE ON books FOR EACH ROW
EXECUTE FUNCTION refuse('the books table is append-only');

-- These two but for what is erased of somebody.
CREATE TRIGGER remarks_no_update BEFORE UPDATE ON remarks FOR EACH ROW
WHEN (
    NEW.remark <> '' OR (NEW.id, NEW.chat_session_id, NEW.user_id, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.chat_session_id, OLD.user_id, OLD.created_at)
)
EXECUTE FUNCTION refuse('the remarks table is append-only');
CREATE TRIGGER remarks_no_delete BEFORE DELETE ON remarks FOR EACH ROW
EXECUTE FUNCTION refuse('the remarks table is append-only');

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW
WHEN (
    NEW.address <> '' OR (
        NEW.id, NEW.created_at, NEW.kind, NEW.actor_id, NEW.user_id, NEW.chat_session_id, NEW.detail
    ) IS DISTINCT FROM (
        OLD.id, OLD.created_at, OLD.kind, OLD.actor_id, OLD.user_id, OLD.chat_session_id, OLD.detail
    )
)
EXECUTE FUNCTION refuse('the audit log is append-only');
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW
EXECUTE FUNCTION refuse('the audit log is append-only');

-- And none is emptied at once, which SQLite has no word for.
CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger EXECUTE FUNCTION refuse('the ledger is append-only');
CREATE TRIGGER payouts_no_truncate BEFORE TRUNCATE ON payouts EXECUTE FUNCTION refuse('the payouts are append-only');
CREATE TRIGGER books_no_truncate BEFORE TRUNCATE ON books EXECUTE FUNCTION refuse('the books table is append-only');
CREATE TRIGGER remarks_no_truncate BEFORE TRUNCATE ON remarks
EXECUTE FUNCTION refuse('the remarks table is append-only');
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit EXECUTE FUNCTION refuse('the audit log is append-only');

-- Without gaps, as whoever checks them expects.
CREATE FUNCTION next_in_books() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.sequence := (SELECT coalesce(max(sequence), 0) + 1 FROM books);
    RETURN NEW;
END
$$;
CREATE TRIGGER books_sequence BEFORE INSERT ON books FOR EACH ROW
WHEN (NEW.sequence IS NULL) EXECUTE FUNCTION next_in_books();

CREATE FUNCTION check_currency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.currency <> (SELECT currency FROM server) THEN
        RAISE EXCEPTION 'the database has another currency' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER chat_sessions_currency BEFORE INSERT ON chat_sessions FOR EACH ROW
EXECUTE FUNCTION check_currency();
CREATE TRIGGER ledger_currency BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION check_currency();

-- Happenings, for webhooks: in the transaction that changes a status, and in no other.

CREATE FUNCTION happened(type text, subject_id bigint, at bigint, data text, revision bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO happenings (type, subject_id, at, data, revision) SELECT $1, $2, $3, $4, $5
    WHERE EXISTS (SELECT 1 FROM webhooks WHERE off_at IS NULL)
$$;

CREATE FUNCTION session_happened() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    what text;
    since bigint;
BEGIN
    -- A change of several tells the first of these.
    IF TG_OP = 'INSERT' THEN
        what := 'created';
    ELSIF NEW.status = 'ended' THEN
        IF OLD.status <> 'ended' THEN
            what := 'ended';
            since := NEW.ended_at;
        END IF;
    ELSIF OLD.status = 'waiting' AND NEW.status IN ('active', 'paused') THEN
        what := 'accepted';
        since := NEW.accepted_at;
    ELSIF OLD.status IN ('active', 'paused') AND OLD.agent_id <> NEW.agent_id THEN
        what := 'handed_over';
        since := NEW.agent_since;
    ELSIF OLD.agent_id = NEW.agent_id AND OLD.status = 'active' AND NEW.status = 'paused' THEN
        what := 'paused';
        since := NEW.paused_at;
    ELSIF OLD.agent_id = NEW.agent_id AND OLD.status = 'paused' AND NEW.status = 'active' THEN
        what := 'resumed';
        since := NEW.active_since;
    END IF;
    IF what IS NOT NULL THEN
        PERFORM happened(
            'session.' || what, NEW.id, coalesce(since, NEW.created_at),
            CAST(json_build_object(
                'id', NEW.id, 'status', NEW.status, 'pause_reason', NEW.pause_reason,
                'end_reason', NEW.end_reason, 'client_id', NEW.client_id, 'agent_id', NEW.agent_id
            ) AS text),
            NEW.revision
        );
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER happenings_created AFTER INSERT ON chat_sessions FOR EACH ROW
EXECUTE FUNCTION session_happened();
CREATE TRIGGER happenings_changed AFTER UPDATE OF status, agent_id ON chat_sessions FOR EACH ROW
WHEN ((OLD.status, OLD.agent_id) IS DISTINCT FROM (NEW.status, NEW.agent_id))
EXECUTE FUNCTION session_happened();

CREATE FUNCTION book_happened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM happened(TG_ARGV[0], NEW.sequence, NEW.issued_at, '{}', head) FROM revision;
    RETURN NULL;
END
$$;
CREATE TRIGGER happenings_issued AFTER INSERT ON books FOR EACH ROW
WHEN (NEW.kind = 'receipt') EXECUTE FUNCTION book_happened('receipt.issued');
CREATE TRIGGER happenings_credited AFTER INSERT ON books FOR EACH ROW
WHEN (NEW.kind = 'credit') EXECUTE FUNCTION book_happened('receipt.credited');

CREATE FUNCTION edit_happened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM happened(
        CASE WHEN NEW.is_deleted = 1 THEN 'message.deleted' ELSE 'message.edited' END,
        NEW.id, NEW.edited_at, '{}', NEW.revision
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER happenings_edited AFTER UPDATE OF edited_at ON messages FOR EACH ROW
EXECUTE FUNCTION edit_happened();

-- A sign-in that has ended is pushed nothing more.
CREATE FUNCTION end_push_subscriptions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM push_subscriptions WHERE auth_token_id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER push_subscriptions_end AFTER UPDATE OF revoked_at ON auth_tokens FOR EACH ROW
WHEN (NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION end_push_subscriptions();

CREATE FUNCTION drop_contents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dropped_contents (content)
    SELECT each.content FROM unnest(ARRAY[OLD.content, OLD.thumbnail]) AS each (content)
    WHERE each.content IS NOT NULL ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER attachments_dropped AFTER DELETE ON attachments FOR EACH ROW EXECUTE FUNCTION drop_contents();

-- Whoever takes the words out of a message takes its file, too.
CREATE FUNCTION drop_attachment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM attachments WHERE id = NEW.id;
    RETURN NULL;
END
$$;
CREATE TRIGGER messages_emptied AFTER UPDATE OF message ON messages FOR EACH ROW
WHEN (NEW.message = '') EXECUTE FUNCTION drop_attachment();
