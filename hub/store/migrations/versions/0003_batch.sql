CREATE TABLE batch (
    id UUID NOT NULL,
    request UUID NOT NULL,
    caller TEXT NOT NULL,
    client TEXT NOT NULL,
    status TEXT NOT NULL,
    header JSON NOT NULL,
    institution TEXT DEFAULT '' NOT NULL,
    correlation TEXT DEFAULT '' NOT NULL,
    callback_url TEXT DEFAULT '' NOT NULL,
    created_ms BIGINT NOT NULL,
    scheduled_ms BIGINT,
    approved_ms BIGINT,
    approved_by TEXT DEFAULT '' NOT NULL,
    approval_correlation TEXT DEFAULT '' NOT NULL,
    approval_url TEXT DEFAULT '' NOT NULL,
    completed_ms BIGINT,
    due_ms BIGINT,
    CONSTRAINT pk_batch PRIMARY KEY (id),
    CONSTRAINT ck_batch_due_while_approved CHECK ((status = 'approved') = (due_ms IS NOT NULL))
);

CREATE INDEX ix_batch_due_ms ON batch (due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE batch_item (
    batch UUID NOT NULL,
    "row" INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER DEFAULT '0' NOT NULL,
    due_ms BIGINT DEFAULT '0' NOT NULL,
    transfer UUID,
    payer_fsp TEXT DEFAULT '' NOT NULL,
    other_fsp TEXT DEFAULT '' NOT NULL,
    currency TEXT DEFAULT '' NOT NULL,
    minor BIGINT DEFAULT '0' NOT NULL,
    terms JSON NOT NULL,
    reason TEXT DEFAULT '' NOT NULL,
    ended_ms BIGINT,
    CONSTRAINT pk_batch_item PRIMARY KEY (batch, "row"),
    CONSTRAINT ck_batch_item_ended_when_final CHECK ((state IN ('completed', 'rejected')) = (ended_ms IS NOT NULL)),
    CONSTRAINT ck_batch_item_transfer_is_known CHECK (state NOT IN ('submitted', 'completed') OR transfer IS NOT NULL)
);

CREATE INDEX ix_batch_item_waiting ON batch_item (batch, due_ms, "row") WHERE state = 'waiting';
CREATE INDEX ix_batch_item_submitted ON batch_item (batch) WHERE state = 'submitted';

-- Rows are updated twice each: leave room on their pages.
ALTER TABLE batch_item SET (fillfactor = 70);

-- What a row came to is final in the database too.
CREATE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'row % of batch % is % and stays so', OLD."row", OLD.batch, OLD.state
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER batch_item_final_is_final BEFORE UPDATE ON batch_item
    FOR EACH ROW
    WHEN (OLD.state IN ('completed', 'rejected'))
    EXECUTE FUNCTION refuse_reopening();
