-- Attachments that people uploaded. The bytes are in the object storage, under the id.
--
-- Who may have a file follows from the messages that hold it (content ->> 'file_id'): nothing here can drift from them.
-- What no message holds expires. A file is held until expires_at, whatever the messages say; then somebody looks whether
-- a message holds it: if so it is held for another day, if not it goes.
CREATE TABLE files (
    id              uuid PRIMARY KEY,
    owner_id        uuid NOT NULL,
    kind            text NOT NULL,                          -- image, video, audio, file: what the bytes say, not the label
    mime            text NOT NULL,
    name            text NOT NULL,
    size_bytes      bigint NOT NULL,
    width           integer,                                -- of images, as they are to be shown
    height          integer,
    duration_ms     integer,                                -- of audio and video, as the uploader said
    blurhash        text,                                   -- of images
    thumbnail_mime  text,                                   -- null: there is no thumbnail
    created_at      timestamptz(3) NOT NULL DEFAULT wire_now(),
    expires_at      timestamptz(3) NOT NULL,
    CONSTRAINT files_kind_check CHECK (kind IN ('image', 'video', 'audio', 'file')),
    CONSTRAINT files_owner_fk FOREIGN KEY (owner_id) REFERENCES users (id)
);
-- Somebody's uploads: the daily bound, the export.
CREATE INDEX files_owner_idx ON files (owner_id, created_at, id);
CREATE INDEX files_expires_idx ON files (expires_at);
-- The messages that hold a file.
CREATE INDEX messages_file_idx ON messages ((content ->> 'file_id')) WHERE content ->> 'file_id' IS NOT NULL;

-- Avatars: the four images of each are in the object storage, under the id. People with the same picture share it.
CREATE TABLE avatars (
    id          text PRIMARY KEY,                           -- content address: hex of SHA-256 over the four images
    expires_at  timestamptz(3)                              -- null: somebody has it; else when to look whether anybody does
);
CREATE INDEX avatars_expires_idx ON avatars (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX users_avatar_idx ON users (avatar_id) WHERE avatar_id IS NOT NULL;

-- Accounts that were deleted lately, of whom a group may not have been taken leave yet.
CREATE INDEX users_deleted_idx ON users (deleted_at) WHERE deleted_at IS NOT NULL;

-- How many phone numbers somebody has looked up today, against harvesting.
CREATE TABLE look_ups (
    user_id  uuid PRIMARY KEY,
    day      date NOT NULL,
    numbers  integer NOT NULL,
    CONSTRAINT look_ups_user_fk FOREIGN KEY (user_id) REFERENCES users (id)
);

-- Where a code was asked for and where it went: for the caps that keep strangers from spending the operator's money.
ALTER TABLE login_codes
    ADD COLUMN address  text,                               -- of who asked
    ADD COLUMN network  text,                               -- the /24 or /48 that the address is in
    ADD COLUMN prefix   text,                               -- the number without its last digits
    ADD COLUMN country  text,                               -- of the number, ISO 3166
    ADD COLUMN is_sent  boolean NOT NULL DEFAULT true;      -- false: the country is not served, nothing left the house
CREATE INDEX login_codes_address_idx ON login_codes (address, created_at DESC);
CREATE INDEX login_codes_network_idx ON login_codes (network, created_at DESC);
CREATE INDEX login_codes_prefix_idx ON login_codes (prefix, created_at DESC);
CREATE INDEX login_codes_country_idx ON login_codes (country, created_at DESC);
