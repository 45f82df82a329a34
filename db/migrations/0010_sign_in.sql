-- How signing in is guarded: wrong guesses by address and network, the budget of codes, the PIN.
ALTER TABLE login_codes
    ADD COLUMN loose_guesses smallint NOT NULL DEFAULT 0,   -- wrong ones without the verification_id, which development allows
    ADD COLUMN challenge     text;                          -- the challenge that was solved for this code: good for one

-- Wrong guesses at codes from one address or network, in windows of some minutes.
CREATE TABLE sign_in_failures (
    origin    text NOT NULL,                                -- an address (/64 of IPv6) or a network (/24, /48)
    began_at  timestamptz(3) NOT NULL,                      -- of the window
    failures  integer NOT NULL,
    CONSTRAINT sign_in_failures_pkey PRIMARY KEY (origin, began_at)
);
CREATE INDEX sign_in_failures_began_idx ON sign_in_failures (began_at);

-- How many codes were sent on each day (UTC), against the budget of the operator.
CREATE TABLE code_budget (
    day   date NOT NULL,
    sent  integer NOT NULL,
    CONSTRAINT code_budget_pkey PRIMARY KEY (day)
);

-- The second factor of those who set one.
CREATE TABLE user_pins (
    user_id   uuid NOT NULL,
    pin_hash  text NOT NULL,                                -- Argon2id, with its parameters and its salt
    tries     smallint NOT NULL DEFAULT 0,                  -- since the last right one; at the limit the PIN is locked
    tried_at  timestamptz(3),                               -- the last of them: a day later they are forgotten
    set_at    timestamptz(3) NOT NULL DEFAULT wire_now(),
    CONSTRAINT user_pins_pkey PRIMARY KEY (user_id),
    CONSTRAINT user_pins_user_fk FOREIGN KEY (user_id) REFERENCES users (id)
);
