-- The first tables. Times are Unix milliseconds, amounts whole minor units of the row's currency.

CREATE TABLE account (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    participant TEXT DEFAULT '' NOT NULL,
    currency TEXT NOT NULL,
    cap_minor BIGINT,
    debits_pending BIGINT DEFAULT '0' NOT NULL,
    debits_posted BIGINT DEFAULT '0' NOT NULL,
    credits_pending BIGINT DEFAULT '0' NOT NULL,
    credits_posted BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_account PRIMARY KEY (id),
    CONSTRAINT uq_account_participant_currency_kind UNIQUE (participant, currency, kind),
    CONSTRAINT ck_account_not_negative CHECK (least(debits_pending, debits_posted, credits_pending, credits_posted) >= 0)
);

CREATE TABLE chain (
    "only" BOOLEAN DEFAULT true NOT NULL,
    height BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    CONSTRAINT pk_chain PRIMARY KEY ("only"),
    CONSTRAINT ck_chain_one_row CHECK ("only")
);

CREATE TABLE credential (
    client_id TEXT NOT NULL,
    participant TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    api_key_hash BYTEA NOT NULL,
    enabled BOOLEAN NOT NULL,
    CONSTRAINT pk_credential PRIMARY KEY (client_id)
);

CREATE TABLE directory_override (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    participant TEXT NOT NULL,
    CONSTRAINT pk_directory_override PRIMARY KEY (key, value)
);

CREATE TABLE funding (
    reference TEXT NOT NULL,
    participant TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    by TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_funding PRIMARY KEY (reference)
);

CREATE TABLE journal (
    height BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_journal PRIMARY KEY (height)
);

CREATE TABLE operator_case (
    transfer UUID NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    opened_ms BIGINT NOT NULL,
    closed_ms BIGINT,
    closed_by TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_operator_case PRIMARY KEY (transfer, seq)
);

CREATE INDEX ix_operator_case_opened_ms ON operator_case (opened_ms) WHERE closed_ms IS NULL;

CREATE TABLE outbox (
    transfer UUID NOT NULL,
    seq INTEGER NOT NULL,
    queue TEXT NOT NULL,
    body JSON NOT NULL,
    due_ms BIGINT NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    note TEXT DEFAULT '' NOT NULL,
    parked BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (transfer, seq)
);

CREATE INDEX ix_outbox_due_ms ON outbox (due_ms) WHERE NOT parked;

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
    CONSTRAINT pk_posting PRIMARY KEY (journal, line),
    CONSTRAINT ck_posting_two_sides CHECK (minor > 0 AND debit <> credit)
);

CREATE INDEX ix_posting_subject ON posting (subject);

CREATE TABLE request (
    id UUID NOT NULL,
    caller TEXT NOT NULL,
    correlation TEXT,
    transfer UUID NOT NULL,
    created_ms BIGINT NOT NULL,
    CONSTRAINT pk_request PRIMARY KEY (id),
    CONSTRAINT uq_request_caller_correlation UNIQUE (caller, correlation)
);

CREATE TABLE scheme (
    version INTEGER GENERATED ALWAYS AS IDENTITY,
    document JSON NOT NULL,
    applied_ms BIGINT NOT NULL,
    applied_by TEXT NOT NULL,
    CONSTRAINT pk_scheme PRIMARY KEY (version)
);

CREATE TABLE standing (
    id UUID NOT NULL,
    state TEXT NOT NULL,
    seq INTEGER NOT NULL,
    asks INTEGER NOT NULL,
    due_ms BIGINT,
    lease_ends_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    code TEXT DEFAULT '' NOT NULL,
    payer_reference TEXT DEFAULT '' NOT NULL,
    payee_reference TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_standing PRIMARY KEY (id),
    CONSTRAINT ck_standing_due_until_final CHECK ((state IN ('committed', 'aborted', 'refunded')) = (due_ms IS NULL))
);

CREATE INDEX ix_standing_due_ms ON standing (due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE token (
    hash BYTEA NOT NULL,
    client_id TEXT NOT NULL,
    expires_ms BIGINT NOT NULL,
    CONSTRAINT pk_token PRIMARY KEY (hash)
);

CREATE INDEX ix_token_expires_ms ON token (expires_ms);

CREATE TABLE transfer (
    id UUID NOT NULL,
    flow TEXT NOT NULL,
    caller TEXT NOT NULL,
    payer_fsp TEXT NOT NULL,
    payee_fsp TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    original UUID,
    payer_connection TEXT DEFAULT '' NOT NULL,
    payee_connection TEXT DEFAULT '' NOT NULL,
    created_ms BIGINT NOT NULL,
    body JSON NOT NULL,
    CONSTRAINT pk_transfer PRIMARY KEY (id),
    CONSTRAINT ck_transfer_some_money CHECK (minor > 0)
);

CREATE INDEX ix_transfer_original ON transfer (original) WHERE original IS NOT NULL;

CREATE TABLE transition (
    transfer UUID NOT NULL,
    seq INTEGER NOT NULL,
    state TEXT NOT NULL,
    event TEXT NOT NULL,
    next TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    who TEXT NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_transition PRIMARY KEY (transfer, seq)
);


-- Rows of `standing` are updated a few times each: leave room on their pages.
ALTER TABLE standing SET (fillfactor = 70);

-- The chain of journals starts from nothing.
INSERT INTO chain (height, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- What was written about money is never changed, whoever asks.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER posting_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON posting
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transition_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON transition
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Final states are final in the database too.
CREATE FUNCTION refuse_revival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'transfer % is % and stays so', OLD.id, OLD.state USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER standing_final_is_final BEFORE UPDATE ON standing
    FOR EACH ROW
    WHEN (OLD.state IN ('committed', 'aborted', 'refunded') AND NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION refuse_revival();
CREATE TRIGGER standing_is_kept BEFORE DELETE OR TRUNCATE ON standing
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
