-- Which history of the database this is. A restored backup has rows that clients know in a later state; with another epoch
-- they begin afresh. `molva restored` writes a new one.
CREATE TABLE epochs (
    epoch     uuid PRIMARY KEY,
    began_at  timestamptz(3) NOT NULL DEFAULT wire_now()
);
INSERT INTO epochs (epoch) VALUES (gen_random_uuid());
