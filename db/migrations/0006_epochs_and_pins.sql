-- Which history of the database this is. A restored backup has rows that clients know in a later state; with another epoch
-- they begin afresh. `molva restored` writes a new one.
CREATE TABLE epochs (
    epoch     uuid PRIMARY KEY,
    began_at  timestamptz(3) NOT NULL DEFAULT wire_now()
);
INSERT INTO epochs (epoch) VALUES (gen_random_uuid());

-- Somebody's pins in their order.
CREATE INDEX members_pins_idx ON members (user_id, pinned, chat_id) WHERE pinned IS NOT NULL AND left_at IS NULL;

-- How somebody lost the chat: a leave that is repeated after a lost answer is answered as the first one was.
ALTER TABLE members ADD COLUMN left_reason text;
