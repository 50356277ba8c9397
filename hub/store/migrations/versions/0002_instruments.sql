CREATE TABLE instrument (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL,
    participant TEXT NOT NULL,
    connection TEXT NOT NULL,
    own TEXT NOT NULL,
    owner TEXT NOT NULL,
    account JSON NOT NULL,
    terms JSON NOT NULL,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    used_by UUID,
    CONSTRAINT pk_instrument PRIMARY KEY (id),
    CONSTRAINT uq_instrument_kind_reference_participant UNIQUE (kind, reference, participant)
);

CREATE INDEX ix_instrument_own ON instrument (participant, kind, own);

-- One transition may have something to say to two: the caller and whoever is to be notified.
ALTER TABLE outbox DROP CONSTRAINT pk_outbox;
ALTER TABLE outbox ADD CONSTRAINT pk_outbox PRIMARY KEY (transfer, seq, queue);

-- What was refused after acceptance, and what moves no money at all, is kept too.
ALTER TABLE transfer DROP CONSTRAINT ck_transfer_some_money;
ALTER TABLE transfer ADD CONSTRAINT ck_transfer_some_money CHECK (minor >= 0);
