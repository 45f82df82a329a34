-- How much of a kind somebody has done on a day (UTC): new chats, groups, strangers added, files. A row a kind.
CREATE TABLE daily_budgets (
    user_id  uuid NOT NULL,
    kind     text NOT NULL,                                 -- private_chats, groups, strangers, files, file_bytes
    day      date NOT NULL,
    used     bigint NOT NULL,
    CONSTRAINT daily_budgets_pkey PRIMARY KEY (user_id, kind),
    CONSTRAINT daily_budgets_user_fk FOREIGN KEY (user_id) REFERENCES users (id)
);

-- Size of the small copy of a picture: it counts for the quota of its owner. Null: there is none, or it is of an older file.
ALTER TABLE files ADD COLUMN thumbnail_bytes bigint;
