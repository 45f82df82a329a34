-- Keys of programs and operators (`molva keys create`). A key is shown once; its hash is kept.
CREATE TABLE api_keys (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,                            -- who or what has it; in the audit log
    scopes        text[] NOT NULL,                          -- admin
    key_hash      bytea NOT NULL,                           -- SHA-256; a key is random, so nobody guesses it
    created_at    timestamptz(3) NOT NULL DEFAULT wire_now(),
    last_used_at  timestamptz(3),                           -- to the minute
    revoked_at    timestamptz(3),
    CONSTRAINT api_keys_hash_key UNIQUE (key_hash)
);
-- Two keys that work have different names.
CREATE UNIQUE INDEX api_keys_name_key ON api_keys (lower(name)) WHERE revoked_at IS NULL;

-- Whom the operator keeps out: a number, with the person who has it, or a range of addresses.
CREATE TABLE bans (
    id          uuid PRIMARY KEY,
    phone       text,                                       -- E.164; stays when the account is deleted
    user_id     uuid,                                       -- the person who had the number
    network     text,                                       -- CIDR
    reason      text,
    created_by  text NOT NULL,                              -- name of the key
    created_at  timestamptz(3) NOT NULL DEFAULT wire_now(),
    expires_at  timestamptz(3),                             -- null: until it is lifted
    lifted_at   timestamptz(3),
    CONSTRAINT bans_subject_check CHECK (num_nonnulls(phone, network) = 1)
);
CREATE INDEX bans_phone_idx ON bans (phone) WHERE lifted_at IS NULL;
CREATE INDEX bans_created_idx ON bans (created_at, id);

-- What operators did. Rows are added and never changed.
CREATE TABLE audit_log (
    id          uuid PRIMARY KEY,
    created_at  timestamptz(3) NOT NULL DEFAULT wire_now(),
    key_id      uuid NOT NULL,
    key_name    text NOT NULL,
    action      text NOT NULL,                              -- user.ban, chat.delete, …
    target      text,                                       -- what it was done to, such as `user 0192…`
    address     text,                                       -- where the call came from
    request_id  text,                                       -- the log lines of the call have it
    before      jsonb,                                      -- what it was, and what it is now, where that says something
    after       jsonb,
    CONSTRAINT audit_log_key_fk FOREIGN KEY (key_id) REFERENCES api_keys (id)
);
CREATE INDEX audit_log_created_idx ON audit_log (created_at, id);
CREATE INDEX audit_log_target_idx ON audit_log (target, created_at, id);

CREATE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of audit_log are never changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log();

-- What the operator tells everybody who is online, and who connects until it ends.
CREATE TABLE announcements (
    id          uuid PRIMARY KEY,
    text        text NOT NULL,
    level       text NOT NULL,                              -- info, warning, critical
    until       timestamptz(3) NOT NULL,
    created_at  timestamptz(3) NOT NULL DEFAULT wire_now(),
    CONSTRAINT announcements_level_check CHECK (level IN ('info', 'warning', 'critical'))
);
CREATE INDEX announcements_until_idx ON announcements (until);

-- How long messages are kept: in one chat, or where chat_id is null in all chats without a rule of their own.
CREATE TABLE retention_rules (
    id            uuid PRIMARY KEY,
    chat_id       uuid,
    message_days  integer,                                  -- null: messages stay
    media_days    integer,                                  -- messages with a file; null: as message_days
    CONSTRAINT retention_rules_chat_key UNIQUE NULLS NOT DISTINCT (chat_id),
    CONSTRAINT retention_rules_chat_fk FOREIGN KEY (chat_id) REFERENCES chats (id),
    CONSTRAINT retention_rules_days_check CHECK (message_days > 0 AND media_days > 0)
);

-- What became of a report.
ALTER TABLE reports
    ADD COLUMN settled_at  timestamptz(3),                  -- null: open
    ADD COLUMN settled_by  text,                            -- name of the key
    ADD COLUMN outcome     text,                            -- acted, dismissed
    ADD COLUMN note        text,
    ADD CONSTRAINT reports_outcome_check CHECK (outcome IS NULL OR outcome IN ('acted', 'dismissed')) NOT VALID;
ALTER TABLE reports VALIDATE CONSTRAINT reports_outcome_check;
