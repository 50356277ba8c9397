-- Records of the office. Times are Unix milliseconds, amounts minor units.

ALTER TABLE account ADD COLUMN blocked BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE account ADD COLUMN alarm INTEGER DEFAULT '0' NOT NULL;
ALTER TABLE operator_case ADD COLUMN closed_why TEXT DEFAULT '' NOT NULL;

-- The tables: one for each kind of record.

CREATE TABLE operator (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    roles JSON NOT NULL,
    secret_hash TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    by TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    admin TEXT NOT NULL,
    CONSTRAINT pk_operator PRIMARY KEY (id)
);

CREATE INDEX ix_operator_admin ON operator (admin, at_ms, id);
CREATE INDEX ix_operator_at_ms ON operator (at_ms, id);
CREATE INDEX ix_operator_due_ms ON operator (due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE proposal (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    act TEXT NOT NULL,
    terms JSON NOT NULL,
    subject TEXT NOT NULL,
    why TEXT NOT NULL,
    by TEXT NOT NULL,
    state TEXT NOT NULL,
    decided_ms BIGINT,
    decided_by TEXT NOT NULL,
    decided_why TEXT NOT NULL,
    CONSTRAINT pk_proposal PRIMARY KEY (id)
);

CREATE INDEX ix_proposal_at_ms ON proposal (at_ms, id);
CREATE INDEX ix_proposal_due_ms ON proposal (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_proposal_state ON proposal (state, at_ms, id);

CREATE TABLE funds (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    participant TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    out BOOLEAN NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    by TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    why TEXT NOT NULL,
    payment TEXT NOT NULL,
    confirmed_ms BIGINT,
    confirmed_by TEXT NOT NULL,
    bank_reference TEXT NOT NULL,
    CONSTRAINT pk_funds PRIMARY KEY (id)
);

CREATE INDEX ix_funds_at_ms ON funds (at_ms, id);
CREATE INDEX ix_funds_bank_reference ON funds (bank_reference, at_ms, id);
CREATE INDEX ix_funds_due_ms ON funds (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_funds_participant ON funds (participant, at_ms, id);
CREATE UNIQUE INDEX uq_funds_bank_reference ON funds (bank_reference) WHERE bank_reference <> '' AND "left"(confirmed_by, 5) <> 'file ';

CREATE TABLE window_of_settlement (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    number BIGINT NOT NULL,
    unsettled TEXT NOT NULL,
    model TEXT NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    terms JSON NOT NULL,
    before JSON NOT NULL,
    from_height BIGINT NOT NULL,
    to_height BIGINT,
    closed_ms BIGINT,
    closed_by TEXT NOT NULL,
    reckoned_ms BIGINT,
    released_ms BIGINT,
    settled_ms BIGINT,
    revision BIGINT NOT NULL,
    movements JSON NOT NULL,
    carried JSON NOT NULL,
    defaults JSON NOT NULL,
    CONSTRAINT pk_window_of_settlement PRIMARY KEY (id)
);

CREATE INDEX ix_window_of_settlement_at_ms ON window_of_settlement (at_ms, id);
CREATE INDEX ix_window_of_settlement_due_ms ON window_of_settlement (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_window_of_settlement_model ON window_of_settlement (model, at_ms, id);
CREATE INDEX ix_window_of_settlement_unsettled ON window_of_settlement (unsettled, at_ms, id);
CREATE UNIQUE INDEX uq_window_of_settlement_number ON window_of_settlement (model, number);
CREATE UNIQUE INDEX uq_window_of_settlement_open ON window_of_settlement (model) WHERE to_height IS NULL;

CREATE TABLE obligation (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    "window" TEXT NOT NULL,
    debtor TEXT NOT NULL,
    creditor TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    state TEXT NOT NULL,
    subject TEXT NOT NULL,
    CONSTRAINT pk_obligation PRIMARY KEY (id)
);

CREATE INDEX ix_obligation_at_ms ON obligation (at_ms, id);
CREATE INDEX ix_obligation_due_ms ON obligation (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_obligation_window ON obligation ("window", at_ms, id);

CREATE TABLE payment (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    subject TEXT NOT NULL,
    obligation TEXT NOT NULL,
    debtor TEXT NOT NULL,
    creditor TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    state TEXT NOT NULL,
    booked_minor BIGINT NOT NULL,
    bank_reference TEXT NOT NULL,
    reason TEXT NOT NULL,
    file TEXT NOT NULL,
    said_in TEXT NOT NULL,
    said JSON NOT NULL,
    ended_ms BIGINT,
    CONSTRAINT pk_payment PRIMARY KEY (id)
);

CREATE INDEX ix_payment_at_ms ON payment (at_ms, id);
CREATE INDEX ix_payment_due_ms ON payment (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_payment_file ON payment (file, at_ms, id);
CREATE INDEX ix_payment_state ON payment (state, at_ms, id);
CREATE INDEX ix_payment_subject ON payment (subject, at_ms, id);

CREATE TABLE file (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    origin TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    signature TEXT NOT NULL,
    signer TEXT NOT NULL,
    subject TEXT NOT NULL,
    currency TEXT NOT NULL,
    content TEXT NOT NULL,
    by TEXT NOT NULL,
    entries BIGINT NOT NULL,
    differences BIGINT NOT NULL,
    refused TEXT NOT NULL,
    CONSTRAINT pk_file PRIMARY KEY (id)
);

CREATE INDEX ix_file_at_ms ON file (at_ms, id);
CREATE INDEX ix_file_due_ms ON file (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_file_sha256 ON file (sha256, at_ms, id);
CREATE INDEX ix_file_subject ON file (subject, at_ms, id);
CREATE UNIQUE INDEX uq_file_taken ON file (sha256) WHERE refused = '' AND origin IN ('', 'bank');

CREATE TABLE difference (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    file TEXT NOT NULL,
    subject TEXT NOT NULL,
    about TEXT NOT NULL,
    reference TEXT NOT NULL,
    ours JSON NOT NULL,
    theirs JSON NOT NULL,
    state TEXT NOT NULL,
    closed_ms BIGINT,
    closed_by TEXT NOT NULL,
    resolution TEXT NOT NULL,
    why TEXT NOT NULL,
    moved_minor BIGINT NOT NULL,
    moved_currency TEXT NOT NULL,
    CONSTRAINT pk_difference PRIMARY KEY (id)
);

CREATE INDEX ix_difference_about ON difference (about, at_ms, id);
CREATE INDEX ix_difference_at_ms ON difference (at_ms, id);
CREATE INDEX ix_difference_due_ms ON difference (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_difference_file ON difference (file, at_ms, id);
CREATE INDEX ix_difference_state ON difference (state, at_ms, id);
CREATE INDEX ix_difference_subject ON difference (subject, at_ms, id);

CREATE TABLE dispute (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    kind TEXT NOT NULL,
    transfer TEXT NOT NULL,
    payer_fsp TEXT NOT NULL,
    payee_fsp TEXT NOT NULL,
    raised_by TEXT NOT NULL,
    against TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    state TEXT NOT NULL,
    deadline_ms BIGINT,
    given_minor BIGINT NOT NULL,
    linked TEXT NOT NULL,
    report TEXT NOT NULL,
    steps JSON NOT NULL,
    CONSTRAINT pk_dispute PRIMARY KEY (id)
);

CREATE INDEX ix_dispute_at_ms ON dispute (at_ms, id);
CREATE INDEX ix_dispute_due_ms ON dispute (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_dispute_payee_fsp ON dispute (payee_fsp, at_ms, id);
CREATE INDEX ix_dispute_payer_fsp ON dispute (payer_fsp, at_ms, id);
CREATE INDEX ix_dispute_raised_by ON dispute (raised_by, at_ms, id);
CREATE INDEX ix_dispute_state ON dispute (state, at_ms, id);
CREATE INDEX ix_dispute_transfer ON dispute (transfer, at_ms, id);

CREATE TABLE alarm (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    participant TEXT NOT NULL,
    currency TEXT NOT NULL,
    level BIGINT NOT NULL,
    was BIGINT NOT NULL,
    available BIGINT NOT NULL,
    threshold BIGINT NOT NULL,
    CONSTRAINT pk_alarm PRIMARY KEY (id)
);

CREATE INDEX ix_alarm_at_ms ON alarm (at_ms, id);
CREATE INDEX ix_alarm_due_ms ON alarm (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_alarm_participant ON alarm (participant, at_ms, id);

CREATE TABLE change (
    id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    due_ms BIGINT,
    deed TEXT NOT NULL,
    participant TEXT NOT NULL,
    currency TEXT NOT NULL,
    what TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    by TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    why TEXT NOT NULL,
    CONSTRAINT pk_change PRIMARY KEY (id)
);

CREATE INDEX ix_change_at_ms ON change (at_ms, id);
CREATE INDEX ix_change_due_ms ON change (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX ix_change_participant ON change (participant, at_ms, id);

-- What must never change again.
CREATE FUNCTION refuse_final_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % is % and stays so', TG_TABLE_NAME, OLD.id, OLD.state
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER window_settled_is_final BEFORE UPDATE ON window_of_settlement
    FOR EACH ROW WHEN (OLD.state = 'settled') EXECUTE FUNCTION refuse_final_record();
CREATE TRIGGER obligation_settled_is_final BEFORE UPDATE ON obligation
    FOR EACH ROW WHEN (OLD.state IN ('settled', 'replaced')) EXECUTE FUNCTION refuse_final_record();
CREATE TRIGGER proposal_decided_is_final BEFORE UPDATE ON proposal
    FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION refuse_final_record();
CREATE TRIGGER funds_ended_is_final BEFORE UPDATE ON funds
    FOR EACH ROW WHEN (OLD.state IN ('confirmed', 'refused')) EXECUTE FUNCTION refuse_final_record();

CREATE TRIGGER dispute_ended_is_final BEFORE UPDATE ON dispute
    FOR EACH ROW WHEN (OLD.state IN ('refused', 'withdrawn', 'returned', 'failed', 'noted'))
    EXECUTE FUNCTION refuse_final_record();

-- What is disputed, by whom and how much, is what it is; which transfer gives it back, once that is said, too.
CREATE FUNCTION refuse_another_dispute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'dispute % is about what it is about', OLD.id USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER dispute_terms_are_fixed BEFORE UPDATE ON dispute
    FOR EACH ROW
    WHEN ((NEW.kind, NEW.transfer, NEW.payer_fsp, NEW.payee_fsp, NEW.raised_by, NEW.currency, NEW.minor, NEW.report)
          <> (OLD.kind, OLD.transfer, OLD.payer_fsp, OLD.payee_fsp, OLD.raised_by, OLD.currency, OLD.minor, OLD.report)
          OR (OLD.linked <> '' AND (NEW.linked, NEW.given_minor) <> (OLD.linked, OLD.given_minor)))
    EXECUTE FUNCTION refuse_another_dispute();

CREATE TRIGGER change_is_written_once BEFORE UPDATE ON change
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER alarm_is_written_once BEFORE UPDATE ON alarm
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The interval of a window, once it is fixed, is what it is.
CREATE FUNCTION refuse_moving() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'window % is closed: its interval stays', OLD.id USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER window_interval_is_fixed BEFORE UPDATE ON window_of_settlement
    FOR EACH ROW
    WHEN (NEW.from_height <> OLD.from_height
          OR (OLD.to_height IS NOT NULL AND NEW.to_height IS DISTINCT FROM OLD.to_height))
    EXECUTE FUNCTION refuse_moving();

DO $$
DECLARE name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['operator', 'proposal', 'funds', 'window_of_settlement', 'obligation', 'payment',
                                'file', 'difference', 'dispute', 'alarm', 'change'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE DELETE OR TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION refuse_change()', name || '_is_kept', name);
    END LOOP;
END $$;
