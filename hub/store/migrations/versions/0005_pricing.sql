-- What a transfer takes and gives in all its currencies; none: the amount itself moves.
ALTER TABLE transfer ADD COLUMN price JSON;

-- The prices behind a quotation.
ALTER TABLE instrument ADD COLUMN quotes JSON NOT NULL DEFAULT '[]';

-- The last rate of each FX provider in each direction, and every one there was.
CREATE TABLE rate (
    provider TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    rate TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    by TEXT NOT NULL,
    state TEXT NOT NULL,
    last TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_rate PRIMARY KEY (provider, source, target)
);

CREATE TABLE rate_history (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    provider TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    rate TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    by TEXT NOT NULL,
    state TEXT NOT NULL,
    last TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_rate_history PRIMARY KEY (id)
);

CREATE INDEX ix_rate_history_at_ms ON rate_history (at_ms);

CREATE TRIGGER rate_history_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON rate_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What the open quotes of an FX provider bind it to give, by when they have expired.
CREATE TABLE exposure (
    provider TEXT NOT NULL,
    currency TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    minor BIGINT NOT NULL,
    CONSTRAINT pk_exposure PRIMARY KEY (provider, currency, until_ms)
);

-- What has been counted towards limits over time.
CREATE TABLE tally (
    key TEXT NOT NULL,
    minor BIGINT NOT NULL,
    times BIGINT NOT NULL,
    ends_ms BIGINT NOT NULL,
    CONSTRAINT pk_tally PRIMARY KEY (key)
);

CREATE INDEX ix_tally_ends_ms ON tally (ends_ms);
