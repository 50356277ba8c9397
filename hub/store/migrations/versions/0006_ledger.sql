-- The head of the chain says when its journal was written, and from which height on digests are Merkle roots.
ALTER TABLE chain ADD COLUMN at_ms BIGINT DEFAULT 0 NOT NULL;
ALTER TABLE chain ADD COLUMN merkle_from BIGINT DEFAULT 1 NOT NULL;
UPDATE chain SET merkle_from = height + 1, at_ms = coalesce((SELECT max(at_ms) FROM journal), 0);

-- The ledger by month (UTC) of its journals.
ALTER TABLE journal RENAME TO journal_whole;
ALTER TABLE journal_whole RENAME CONSTRAINT pk_journal TO pk_journal_whole;
ALTER TABLE posting RENAME TO posting_whole;
ALTER TABLE posting_whole RENAME CONSTRAINT pk_posting TO pk_posting_whole;
DROP INDEX ix_posting_subject;

CREATE TABLE journal (
    height BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    nonce BYTEA DEFAULT '' NOT NULL,
    CONSTRAINT pk_journal PRIMARY KEY (height, at_ms)
) PARTITION BY RANGE (at_ms);

CREATE TABLE posting (
    journal BIGINT NOT NULL,
    line INTEGER NOT NULL,
    subject TEXT NOT NULL,
    debit INTEGER NOT NULL,
    credit INTEGER NOT NULL,
    minor BIGINT NOT NULL,
    phase TEXT NOT NULL,
    debit_balance BIGINT NOT NULL,
    debit_held BIGINT NOT NULL,
    credit_balance BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_posting PRIMARY KEY (journal, line, at_ms),
    CONSTRAINT ck_posting_two_sides CHECK (minor > 0 AND debit <> credit)
) PARTITION BY RANGE (at_ms);

CREATE INDEX ix_posting_subject ON posting (subject);

-- What belongs to no month that was prepared is kept all the same.
CREATE TABLE journal_rest PARTITION OF journal DEFAULT;
CREATE TABLE posting_rest PARTITION OF posting DEFAULT;

-- Triggers for each row are made on every partition by PostgreSQL itself; those on TRUNCATE are not.
CREATE TRIGGER journal_written_once BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_written_once BEFORE UPDATE OR DELETE ON posting FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_kept BEFORE TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_kept BEFORE TRUNCATE ON posting FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_kept BEFORE TRUNCATE ON journal_rest FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_kept BEFORE TRUNCATE ON posting_rest FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Makes the partitions of months from the one of `from_ms` on, and returns those that could not be made because the
-- default partition holds rows of theirs already. A partition is attached and not created in place: that lets inserts
-- go on.
CREATE FUNCTION prepare_months(from_ms BIGINT, months INTEGER) RETURNS TEXT[] LANGUAGE plpgsql AS $$
DECLARE
    begins TIMESTAMP := date_trunc('month', to_timestamp(from_ms / 1000.0) AT TIME ZONE 'UTC');
    low BIGINT;
    high BIGINT;
    parent TEXT;
    part TEXT;
    taken BOOLEAN;
    refused TEXT[] := '{}';
BEGIN
    PERFORM pg_advisory_xact_lock(7215003);
    FOR number IN 0 .. months - 1 LOOP
        low := extract(epoch FROM begins + make_interval(months => number))::bigint * 1000;
        high := extract(epoch FROM begins + make_interval(months => number + 1))::bigint * 1000;
        FOREACH parent IN ARRAY ARRAY['journal', 'posting'] LOOP
            part := parent || to_char(begins + make_interval(months => number), '_YYYY_MM');
            CONTINUE WHEN to_regclass(part) IS NOT NULL;
            EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE at_ms >= %s AND at_ms < %s)',
                parent || '_rest', low, high) INTO taken;
            IF taken THEN
                refused := refused || part;
                CONTINUE;
            END IF;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part, parent);
            EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()',
                parent || '_kept', part);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, part, low, high);
        END LOOP;
    END LOOP;
    RETURN refused;
END $$;

-- Months of what there is, and three ahead. From now on a journal is never older than the one before it; writers that
-- committed at the same moment have broken that by milliseconds.
CREATE TEMPORARY TABLE journal_moved ON COMMIT DROP AS
SELECT height, max(at_ms) OVER (ORDER BY height) AS at_ms FROM journal_whole;

SELECT prepare_months(first_ms, (
    (extract(year FROM now_utc)::int - extract(year FROM first_utc)::int) * 12
    + extract(month FROM now_utc)::int - extract(month FROM first_utc)::int + 4))
FROM (
    SELECT first_ms, to_timestamp(first_ms / 1000.0) AT TIME ZONE 'UTC' AS first_utc,
           greatest(now(), to_timestamp(last_ms / 1000.0)) AT TIME ZONE 'UTC' AS now_utc
    FROM (
        SELECT coalesce(least(min(at_ms), extract(epoch FROM now())::bigint * 1000),
                        extract(epoch FROM now())::bigint * 1000) AS first_ms,
               coalesce(max(at_ms), 0) AS last_ms
        FROM journal_moved
    ) AS span
) AS months;

INSERT INTO journal (height, digest, hash, at_ms)
SELECT height, digest, hash, m.at_ms FROM journal_whole JOIN journal_moved AS m USING (height) ORDER BY height;
INSERT INTO posting
SELECT p.*, m.at_ms FROM posting_whole AS p JOIN journal_moved AS m ON m.height = p.journal ORDER BY p.journal, p.line;
DROP TABLE journal_whole, posting_whole;

-- How the ledger stood when it was found clean, recomputed from postings alone: at times that are kept ...
CREATE TABLE checkpoint (
    height BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    since BIGINT NOT NULL,
    root BYTEA NOT NULL,
    counters JSON NOT NULL,
    CONSTRAINT pk_checkpoint PRIMARY KEY (height)
);

CREATE TRIGGER checkpoint_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- ... and last: from here the audit of what is new goes on.
CREATE TABLE audited (
    "only" BOOLEAN DEFAULT true NOT NULL,
    height BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    since BIGINT NOT NULL,
    peaks JSON NOT NULL,
    counters JSON NOT NULL,
    clean_ms BIGINT NOT NULL,
    CONSTRAINT pk_audited PRIMARY KEY ("only"),
    CONSTRAINT ck_audited_one_row CHECK ("only")
);

-- Months that were taken out of the ledger, and how it stood at their end: the audit of everything begins there.
CREATE TABLE archive (
    month TEXT NOT NULL,
    first BIGINT NOT NULL,
    height BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    ends_ms BIGINT NOT NULL,
    counters JSON NOT NULL,
    manifest JSON NOT NULL,
    CONSTRAINT pk_archive PRIMARY KEY (month)
);

CREATE TRIGGER archive_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON archive
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
