-- The whole schema of Molva: what every table, column and index is for.
-- It equals the sum of db/migrations (a test compares the two); a change goes into a new migration and here.
--
-- Everything of a chat hangs on chat_id, which is the key by which the database can be distributed.
-- Ids are UUIDv7, made by the server. Times are kept to the millisecond, as they go over the wire, so that a
-- cursor made of one is exact.

-- Words of a search index under a chat: one index over (uuid, tsvector).
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- The id of the running transaction, kept with a row when it changes. session:sync compares it with the oldest
-- transaction still running at the last sync, so that a change that commits late is never skipped.
CREATE FUNCTION change_xid() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT pg_current_xact_id()::text::bigint
$$;

-- Milliseconds, the precision of the wire. Not now(): a transaction that waited for a chat's lock must not write a
-- time before that of its predecessor.
CREATE FUNCTION wire_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT date_trunc('milliseconds', clock_timestamp())
$$;

-- People. A deleted account keeps its row, emptied, because its messages stay.
CREATE TABLE users (
    id            uuid PRIMARY KEY,
    phone         text,                                     -- E.164; null once deleted
    display_name  text NOT NULL,
    username      text,                                     -- unique whatever its case
    about         text,
    avatar_id     text,                                     -- content address of the four images
    created_at    timestamptz(3) NOT NULL DEFAULT wire_now(),
    last_seen_at  timestamptz(3),
    deleted_at    timestamptz(3),
    changed_xid   bigint NOT NULL DEFAULT change_xid(),     -- session:sync of those who share a private chat
    CONSTRAINT users_phone_key UNIQUE (phone),
    CONSTRAINT users_deleted_check CHECK ((deleted_at IS NULL) = (phone IS NOT NULL))
);
CREATE UNIQUE INDEX users_username_key ON users (lower(username));

-- One-time codes, one row per code sent. The id is random and is the verification_id. Kept a day, then swept.
CREATE TABLE login_codes (
    id          uuid PRIMARY KEY,
    phone       text NOT NULL,                              -- E.164, registered or not
    code_hash   bytea NOT NULL,                             -- HMAC-SHA256 of id and code under the server's secret
    guesses     smallint NOT NULL DEFAULT 0,                -- compared so far; at the limit the code is dead
    created_at  timestamptz(3) NOT NULL DEFAULT wire_now(),
    expires_at  timestamptz(3) NOT NULL,
    used_at     timestamptz(3)
);
CREATE INDEX login_codes_phone_idx ON login_codes (phone, created_at DESC);
CREATE INDEX login_codes_created_idx ON login_codes (created_at);

-- A device that signed in. Access tokens name it (sid); ending it ends them.
CREATE TABLE login_sessions (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL,
    device_name     text,
    refresh_seed    bytea NOT NULL,                         -- with the server's secret and the generation: the refresh token
    refresh_hash    bytea NOT NULL,                         -- SHA-256 of the current refresh token
    generation      integer NOT NULL DEFAULT 1,             -- rises with every rotation; an older token is a reuse
    rotated_at      timestamptz(3) NOT NULL DEFAULT wire_now(), -- starts the grace of the token before
    active_chat_id  uuid,                                   -- the chat on this device's screen
    created_at      timestamptz(3) NOT NULL DEFAULT wire_now(),
    last_seen_at    timestamptz(3) NOT NULL DEFAULT wire_now(),
    expires_at      timestamptz(3) NOT NULL,                -- idle end, moved by every rotation up to a fixed age
    revoked_at      timestamptz(3),
    revoke_reason   text,                                   -- logged_out, ended_elsewhere, token_reused, account_deleted
    CONSTRAINT login_sessions_user_fk FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX login_sessions_user_idx ON login_sessions (user_id) WHERE revoked_at IS NULL;
-- Who has this chat on the screen: to let it fall to null when somebody loses the chat.
CREATE INDEX login_sessions_active_chat_idx ON login_sessions (active_chat_id) WHERE active_chat_id IS NOT NULL;

-- Chats. Its row is the lock under which everything in the chat changes.
CREATE TABLE chats (
    id               uuid PRIMARY KEY,
    type             text NOT NULL,                         -- private: two people; group: any number
    title            text,                                  -- of groups
    creator_id       uuid NOT NULL,                         -- deletes the group and removes members; may pass that on
    direct_key       text,                                  -- the ordered pair of a private chat: one chat a pair
    creation_key     text,                                  -- who and client_id of chat:create_group: a retry finds it
    creation_hash    bytea,                                 -- what the first try asked for
    member_count     integer NOT NULL,
    message_count    bigint NOT NULL DEFAULT 0,             -- = the newest seq
    version          bigint NOT NULL DEFAULT 1,             -- rises by one with every change that all members share
    group_since_seq  bigint,                                -- when a private chat became a group: the first seq that newcomers may see
    created_at       timestamptz(3) NOT NULL DEFAULT wire_now(),
    updated_at       timestamptz(3) NOT NULL DEFAULT wire_now(), -- of the newest message: the order of the chat list
    deleted_at       timestamptz(3),                        -- the row stays for session:sync; messages are swept
    swept_at         timestamptz(3),                        -- when the messages of a deleted chat were gone
    changed_xid      bigint NOT NULL DEFAULT change_xid(),
    CONSTRAINT chats_type_check CHECK (type IN ('private', 'group')),
    CONSTRAINT chats_direct_key_key UNIQUE (direct_key),
    CONSTRAINT chats_creation_key_key UNIQUE (creation_key),
    CONSTRAINT chats_direct_key_check CHECK (direct_key IS NULL OR type = 'private'),
    CONSTRAINT chats_creator_fk FOREIGN KEY (creator_id) REFERENCES users (id)
);
-- What the sweeper has still to do.
CREATE INDEX chats_deleted_idx ON chats (deleted_at) WHERE deleted_at IS NOT NULL AND swept_at IS NULL;

-- Who is, or was, in a chat, and what is theirs alone about it.
CREATE TABLE members (
    chat_id      uuid NOT NULL,
    user_id      uuid NOT NULL,
    title        text,                                      -- their own name for the group
    pinned       smallint,                                  -- the order of their pins; positions are counted when read
    muted_until  timestamptz(3),
    read_seq     bigint NOT NULL DEFAULT 0,                 -- unread = message_count - read_seq
    first_seq    bigint NOT NULL DEFAULT 1,                 -- nothing before it exists for them
    added_by     uuid,
    joined_at    timestamptz(3) NOT NULL DEFAULT wire_now(),
    left_at      timestamptz(3),                            -- left, removed, or the chat was deleted; the row tells session:sync
    changed_xid  bigint NOT NULL DEFAULT change_xid(),
    CONSTRAINT members_pkey PRIMARY KEY (chat_id, user_id),
    CONSTRAINT members_chat_fk FOREIGN KEY (chat_id) REFERENCES chats (id),
    CONSTRAINT members_user_fk FOREIGN KEY (user_id) REFERENCES users (id)
);
CREATE INDEX members_user_idx ON members (user_id, chat_id);
CREATE INDEX members_present_idx ON members (chat_id, joined_at, user_id) WHERE left_at IS NULL;
-- Somebody's pins in their order.
CREATE INDEX members_pins_idx ON members (user_id, pinned, chat_id) WHERE pinned IS NOT NULL AND left_at IS NULL;

-- One spelling for letters that people type in several ways: é and e, ё and е, ß and ss. й stays: the stemmer needs it.
-- Compatibility forms (full width, ligatures) become the plain letters. realtime/messages/search_words.py spells a query in
-- the same way.
CREATE FUNCTION plain_letters(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    normalize(
        regexp_replace(
            normalize(
                replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
                    words, 'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'Æ', 'ae'), 'œ', 'oe'), 'Œ', 'oe'), 'ø', 'o'), 'Ø', 'o'),
                    'ł', 'l'), 'Ł', 'l'), 'ı', 'i'),
                NFKD),
            '(?<![иИ])[\u0300-\u036f]+', '', 'g'),
        NFC);

-- What is said in a message.
CREATE FUNCTION said_in(content jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    coalesce(content ->> 'text', '') || ' ' || coalesce(content ->> 'caption', '') || ' '
        || coalesce(content ->> 'title', '') || ' ' || coalesce(content ->> 'name', '');

-- Its words: marks that join words (of an address, a path, a number) become spaces, so that each part is found by itself.
-- Most texts have plain letters only and skip plain_letters, which costs more than all the rest.
CREATE FUNCTION plain_words(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    regexp_replace(
        CASE WHEN said ~ '[^\u0001-\u007Fа-яА-ЯёЁ«»—–…№]' THEN plain_letters(said)
             ELSE replace(replace(said, 'ё', 'е'), 'Ё', 'Е') END,
        '[-@./+_:&=?#%~''<>]', ' ', 'g');

-- The emoji of a text, each as a word of one character. Skin tones and joiners are none: any 👍 finds any other.
CREATE FUNCTION emoji_of(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    array_to_tsvector(ARRAY(
        SELECT found.emoji[1]
          FROM regexp_matches(said, '[\u2300-\u23FF\u2600-\u27BF\u2B00-\u2BFF\U0001F000-\U0001F3FA\U0001F400-\U0001FAFF]', 'g')
               AS found (emoji)));

-- The words by which a message is found: their stems, so that any form finds any other, and themselves, so that the
-- beginning of any form does. The configuration `russian` stems Cyrillic words as Russian and Latin ones as English.
-- OFFSET 0: what is said is found out once.
CREATE FUNCTION words_of(content jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (
    SELECT CASE WHEN plain.said ~ '[\u2300-\u23FF\u2600-\u27BF\u2B00-\u2BFF\U0001F000-\U0001FAFF]'
                THEN to_tsvector('russian', plain.words) || to_tsvector('simple', plain.words) || emoji_of(plain.said)
                ELSE to_tsvector('russian', plain.words) || to_tsvector('simple', plain.words) END
      FROM (SELECT found.said, plain_words(found.said) AS words
              FROM (SELECT said_in(content) AS said OFFSET 0) found OFFSET 0) plain);

-- Messages. A message is (chat_id, seq). Written only under its chat's lock, which is why foreign keys would check
-- again what is already certain.
CREATE TABLE messages (
    chat_id     uuid NOT NULL,
    seq         bigint NOT NULL,                            -- from 1, without gaps
    sender_id   uuid NOT NULL,
    client_id   uuid,                                       -- the sender's own id of the send; null on system messages
    body_hash   bytea,                                      -- SHA-256 of what was asked for: a retry must ask for the same
    type        text NOT NULL,                              -- text, image, video, audio, file, location, contact, system
    content     jsonb,                                      -- null once deleted
    reply_to    bigint,                                     -- a seq of the same chat
    mentions    uuid[] NOT NULL DEFAULT '{}',
    like_count  integer NOT NULL DEFAULT 0,
    version     bigint NOT NULL,                            -- the chat's version at this message's last change
    created_at  timestamptz(3) NOT NULL,
    edited_at   timestamptz(3),
    deleted_at  timestamptz(3),
    metadata    jsonb,                                      -- an object of the client's own
    forwarded_from jsonb,                                   -- {sender_id, created_at} of the first message
    reactions   jsonb NOT NULL DEFAULT '[]',                -- [{emoji, count}], in the order of their first use
    CONSTRAINT messages_pkey PRIMARY KEY (chat_id, seq),
    CONSTRAINT messages_client_id_key UNIQUE (sender_id, client_id, chat_id)
);
-- message:changes: what is newer than the version a client has.
CREATE INDEX messages_version_idx ON messages (chat_id, version);
-- message:search.
CREATE INDEX messages_search_idx ON messages USING gin (chat_id, words_of(content))
 WHERE deleted_at IS NULL AND type <> 'system';

-- The newest seq of a chat whose message is not newer than p_time; 0 if there is none. p_last is the newest seq of all. The
-- times of a chat rise with seq, so it looks back in growing steps and then halves: no index by time is needed.
CREATE FUNCTION newest_seq_until(p_chat_id uuid, p_time timestamptz, p_last bigint)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    low    bigint := 0;           -- not newer than p_time, or before the first message
    high   bigint := p_last + 1;  -- newer, or after the last message
    step   bigint := 1;           -- 0 once low is found
    probe  bigint;
BEGIN
    WHILE high - low > 1 LOOP
        probe := CASE WHEN step > 0 AND high - step > low THEN high - step ELSE (low + high) / 2 END;
        IF (SELECT m.created_at > p_time FROM messages m WHERE m.chat_id = p_chat_id AND m.seq = probe) THEN
            high := probe; step := step * 4;
        ELSE
            low := probe; step := 0;
        END IF;
    END LOOP;
    RETURN low;
END $$;

-- Who likes which message, once.
CREATE TABLE likes (
    chat_id   uuid NOT NULL,
    seq       bigint NOT NULL,
    user_id   uuid NOT NULL,
    liked_at  timestamptz(3) NOT NULL DEFAULT wire_now(),
    CONSTRAINT likes_pkey PRIMARY KEY (chat_id, seq, user_id),
    CONSTRAINT likes_message_fk FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq) ON DELETE CASCADE
);
CREATE INDEX likes_order_idx ON likes (chat_id, seq, liked_at, user_id);

-- Who reacted to which message with which emoji. The counts are in the row of the message, so that lists need no look-up.
CREATE TABLE reactions (
    chat_id     uuid NOT NULL,
    seq         bigint NOT NULL,
    user_id     uuid NOT NULL,
    emoji       text NOT NULL,
    reacted_at  timestamptz(3) NOT NULL DEFAULT wire_now(), -- later than that of the reaction before: the order of the list
    CONSTRAINT reactions_pkey PRIMARY KEY (chat_id, seq, user_id, emoji),
    CONSTRAINT reactions_message_fk FOREIGN KEY (chat_id, seq) REFERENCES messages (chat_id, seq) ON DELETE CASCADE
);
CREATE INDEX reactions_order_idx ON reactions (chat_id, seq, reacted_at, user_id);

-- Who wants to hear nothing from whom.
CREATE TABLE blocks (
    user_id     uuid NOT NULL,
    blocked_id  uuid NOT NULL,
    blocked_at  timestamptz(3) NOT NULL DEFAULT wire_now(),
    CONSTRAINT blocks_pkey PRIMARY KEY (user_id, blocked_id),
    CONSTRAINT blocks_user_fk FOREIGN KEY (user_id) REFERENCES users (id),
    CONSTRAINT blocks_blocked_fk FOREIGN KEY (blocked_id) REFERENCES users (id)
);
CREATE INDEX blocks_blocked_idx ON blocks (blocked_id, user_id);

-- Sends one message: lock, rights, repeat, seq, insert, read mark, in one round trip and one commit.
--
-- It is a function because each statement in it sees what was committed while it waited for the lock of the chat; a single
-- statement would see only what was committed before the wait. outcome: sent, or why not (duplicate, reused, not_found,
-- reply_not_found, mention_not_found, you_blocked_user, peer_unavailable). For a duplicate, seq is that of the first message.
--
-- A plan is kept as long as its connection lives, even if it was made while the tables were empty and a sequential scan looked
-- as cheap as an index. So only one plan is possible: a repeat is looked up by sender and client_id, because no index serves
-- the comparison IS NOT DISTINCT FROM, and send_messages looks up each message by itself (LATERAL … LIMIT 1).
--
-- The rules stand twice, here and in send_messages: tests/chat/test_group_commit.py holds them equal. One function that both
-- call was measured: it took 45 % more of PostgreSQL's CPU for each message of a batch.
CREATE FUNCTION send_message(
    p_chat_id uuid, p_sender_id uuid, p_client_id uuid, p_body_hash bytea,
    p_type text, p_content jsonb, p_reply_to bigint, p_mentions uuid[],
    p_metadata jsonb DEFAULT NULL, p_forwarded_from jsonb DEFAULT NULL
) RETURNS TABLE (
    outcome text, seq bigint, sent_at timestamptz, version bigint,
    chat_type text, chat_title text, creator_id uuid, member_count integer, chat_created_at timestamptz,
    chat_description text, chat_avatar_id text, chat_metadata jsonb, chat_pinned_seqs bigint[], unarchived uuid[]
) LANGUAGE plpgsql AS $$
DECLARE
    chat   chats%ROWTYPE;
    me     members%ROWTYPE;
    first  messages%ROWTYPE;
BEGIN
    -- 1. The chat's row lock: from here on nothing in the chat changes but by us.
    SELECT * INTO chat FROM chats c WHERE c.id = p_chat_id AND c.deleted_at IS NULL FOR NO KEY UPDATE;
    SELECT * INTO me FROM members m WHERE m.chat_id = p_chat_id AND m.user_id = p_sender_id;
    IF chat.id IS NULL OR me.user_id IS NULL OR me.left_at IS NOT NULL THEN
        outcome := 'not_found'; RETURN NEXT; RETURN;
    END IF;
    -- 2. The same send again?
    SELECT * INTO first FROM messages m
     WHERE m.sender_id = p_sender_id AND m.client_id = p_client_id AND m.chat_id IS NOT DISTINCT FROM p_chat_id;
    IF first.seq IS NOT NULL THEN
        outcome := CASE WHEN first.body_hash = p_body_hash THEN 'duplicate' ELSE 'reused' END;
        seq := first.seq; RETURN NEXT; RETURN;
    END IF;
    -- 3. May they? Their own block first: who is told of it today must not learn tomorrow, by other words, of the other's.
    IF chat.type = 'private' THEN
        SELECT CASE
                   WHEN EXISTS (SELECT FROM blocks b WHERE b.user_id = p_sender_id AND b.blocked_id = m.user_id)
                       THEN 'you_blocked_user'
                   WHEN EXISTS (SELECT FROM blocks b WHERE b.user_id = m.user_id AND b.blocked_id = p_sender_id)
                     OR (SELECT u.deleted_at FROM users u WHERE u.id = m.user_id) IS NOT NULL
                       THEN 'peer_unavailable'
               END
          INTO outcome
          FROM members m WHERE m.chat_id = p_chat_id AND m.user_id <> p_sender_id;
        IF outcome IS NOT NULL THEN
            RETURN NEXT; RETURN;
        END IF;
    END IF;
    IF p_reply_to IS NOT NULL AND NOT p_reply_to BETWEEN me.first_seq AND chat.message_count THEN
        outcome := 'reply_not_found'; RETURN NEXT; RETURN;
    END IF;
    IF cardinality(p_mentions) > 0 AND cardinality(p_mentions) <> (
        SELECT count(*) FROM members m
         WHERE m.chat_id = p_chat_id AND m.user_id = ANY (p_mentions) AND m.left_at IS NULL
    ) THEN
        outcome := 'mention_not_found'; RETURN NEXT; RETURN;
    END IF;
    -- 4. The next seq, the next version, and everything that follows from them.
    UPDATE chats c
       SET message_count = c.message_count + 1, version = c.version + 1,
           updated_at = greatest(wire_now(), c.updated_at), changed_xid = change_xid()
     WHERE c.id = p_chat_id
     RETURNING c.* INTO chat;
    INSERT INTO messages (chat_id, seq, sender_id, client_id, body_hash, type, content, reply_to, mentions,
                          metadata, forwarded_from, version, created_at)
    VALUES (p_chat_id, chat.message_count, p_sender_id, p_client_id, p_body_hash, p_type, p_content, p_reply_to,
            p_mentions, p_metadata, p_forwarded_from, chat.version, chat.updated_at);
    UPDATE members m SET read_seq = chat.message_count, changed_xid = change_xid()
     WHERE m.chat_id = p_chat_id AND m.user_id = p_sender_id;
    outcome := 'sent'; seq := chat.message_count; sent_at := chat.updated_at; version := chat.version;
    chat_type := chat.type; chat_title := chat.title; creator_id := chat.creator_id;
    member_count := chat.member_count; chat_created_at := chat.created_at;
    chat_description := chat.description; chat_avatar_id := chat.avatar_id; chat_metadata := chat.metadata;
    chat_pinned_seqs := chat.pinned_seqs;
    -- 5. Whoever archived the chat and did not mute it has it back in the list.
    IF chat.has_archived THEN
        WITH back AS (
            UPDATE members m SET archived = false, changed_xid = change_xid()
             WHERE m.chat_id = p_chat_id AND m.archived AND m.left_at IS NULL AND m.user_id <> p_sender_id
               AND (m.muted_until IS NULL OR m.muted_until <= wire_now())
            RETURNING m.user_id
        )
        SELECT array_agg(back.user_id) INTO unarchived FROM back;
    END IF;
    RETURN NEXT;
END $$;

-- Sends many messages in one commit, as send_message does each: group commit. No (sender, client_id, chat) may occur
-- twice in one call. One row a message, in the order given (place).
CREATE FUNCTION send_messages(
    p_chat_ids uuid[], p_sender_ids uuid[], p_client_ids uuid[], p_body_hashes bytea[],
    p_types text[], p_contents jsonb[], p_reply_tos bigint[], p_mentions text[],
    p_metadatas jsonb[] DEFAULT NULL, p_forwarded_froms jsonb[] DEFAULT NULL
) RETURNS TABLE (
    place bigint, outcome text, seq bigint, sent_at timestamptz, version bigint,
    chat_type text, chat_title text, creator_id uuid, member_count integer, chat_created_at timestamptz,
    chat_description text, chat_avatar_id text, chat_metadata jsonb, chat_pinned_seqs bigint[], unarchived uuid[]
) LANGUAGE plpgsql
-- Planned once a connection: the plan is the same whatever comes, and making it costs a millisecond, or hundreds for a full
-- batch into one chat. Each table is looked up by its key, even where it was small when the plan was made.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    -- 1. All locks, in the order of ids, so that two batches never wait for each other in a circle.
    PERFORM FROM chats c WHERE c.id = ANY (p_chat_ids) AND c.deleted_at IS NULL ORDER BY c.id FOR NO KEY UPDATE;
    -- 2. What is seen now stays true until the commit.
    RETURN QUERY
    WITH wish AS (
        SELECT w.*, w.mentions_text::uuid[] AS mentions
          FROM unnest(p_chat_ids, p_sender_ids, p_client_ids, p_body_hashes, p_types, p_contents, p_reply_tos, p_mentions,
                      p_metadatas, p_forwarded_froms)
               WITH ORDINALITY AS w (chat_id, sender_id, client_id, body_hash, type, content, reply_to, mentions_text,
                                     metadata, forwarded_from, place)
    ), judged AS (
        SELECT w.*, c.type AS chat_type, c.title, c.creator_id, c.member_count, c.message_count, c.version, c.created_at,
               c.description, c.avatar_id, c.metadata AS chat_metadata, c.pinned_seqs, c.has_archived,
               first.seq AS first_seq, greatest(wire_now(), c.updated_at) AS sent_at,
               CASE
                   WHEN c.id IS NULL OR me.user_id IS NULL OR me.left_at IS NOT NULL THEN 'not_found'
                   WHEN first.body_hash = w.body_hash THEN 'duplicate'
                   WHEN first.seq IS NOT NULL THEN 'reused'
                   WHEN c.type = 'private' AND EXISTS (
                       SELECT FROM blocks b JOIN members peer ON peer.user_id = b.blocked_id
                        WHERE peer.chat_id = c.id AND b.user_id = w.sender_id) THEN 'you_blocked_user'
                   WHEN c.type = 'private' AND EXISTS (
                       SELECT FROM blocks b JOIN members peer ON peer.user_id = b.user_id
                        WHERE peer.chat_id = c.id AND b.blocked_id = w.sender_id) THEN 'peer_unavailable'
                   WHEN c.type = 'private' AND EXISTS (
                       SELECT FROM members peer JOIN users u ON u.id = peer.user_id
                        WHERE peer.chat_id = c.id AND u.deleted_at IS NOT NULL) THEN 'peer_unavailable'
                   WHEN NOT w.reply_to BETWEEN me.first_seq AND c.message_count THEN 'reply_not_found'
                   WHEN cardinality(w.mentions) > 0 AND cardinality(w.mentions) <> (
                       SELECT count(*) FROM members m
                        WHERE m.chat_id = c.id AND m.user_id = ANY (w.mentions) AND m.left_at IS NULL
                       ) THEN 'mention_not_found'
                   ELSE 'sent'
               END AS outcome
          FROM wish w
          LEFT JOIN LATERAL (SELECT * FROM chats k WHERE k.id = w.chat_id AND k.deleted_at IS NULL LIMIT 1) c ON true
          LEFT JOIN LATERAL (
              SELECT * FROM members m WHERE m.chat_id = w.chat_id AND m.user_id = w.sender_id LIMIT 1) me ON true
          LEFT JOIN LATERAL (
              SELECT m.seq, m.body_hash FROM messages m
               WHERE m.sender_id = w.sender_id AND m.client_id = w.client_id AND m.chat_id IS NOT DISTINCT FROM w.chat_id
               LIMIT 1) first ON true
    ), placed AS (
        SELECT j.*, row_number() OVER (PARTITION BY j.chat_id ORDER BY j.place) AS nth
          FROM judged j WHERE j.outcome = 'sent'
    ), stored AS (
        INSERT INTO messages (chat_id, seq, sender_id, client_id, body_hash, type, content, reply_to, mentions,
                              metadata, forwarded_from, version, created_at)
        SELECT p.chat_id, p.message_count + p.nth, p.sender_id, p.client_id, p.body_hash, p.type, p.content, p.reply_to,
               p.mentions, p.metadata, p.forwarded_from, p.version + p.nth, p.sent_at
          FROM placed p
    ), moved AS (
        UPDATE chats c
           SET message_count = c.message_count + n.added, version = c.version + n.added,
               updated_at = n.sent_at, changed_xid = change_xid()
          FROM (SELECT p.chat_id, count(*) AS added, max(p.sent_at) AS sent_at FROM placed p GROUP BY p.chat_id) n
         WHERE c.id = n.chat_id
    ), marked AS (
        UPDATE members m SET read_seq = n.seq, changed_xid = change_xid()
          FROM (SELECT p.chat_id, p.sender_id, max(p.message_count + p.nth) AS seq
                  FROM placed p GROUP BY p.chat_id, p.sender_id) n
         WHERE m.chat_id = n.chat_id AND m.user_id = n.sender_id
    ), back AS (
        -- Whoever archived a chat and did not mute it has it back in the list; but not those who send in this batch, because
        -- one statement cannot change a row twice.
        UPDATE members m SET archived = false, changed_xid = change_xid()
          FROM (SELECT p.chat_id, array_agg(p.sender_id) AS sender_ids
                  FROM placed p WHERE p.has_archived GROUP BY p.chat_id) n
         WHERE m.chat_id = n.chat_id AND m.archived AND m.left_at IS NULL AND m.user_id <> ALL (n.sender_ids)
           AND (m.muted_until IS NULL OR m.muted_until <= wire_now())
        RETURNING m.chat_id, m.user_id
    )
    SELECT j.place, j.outcome, coalesce(j.message_count + p.nth, j.first_seq), p.sent_at, p.version + p.nth,
           p.chat_type, p.title, p.creator_id, p.member_count, p.created_at,
           p.description, p.avatar_id, p.chat_metadata, p.pinned_seqs,
           CASE WHEN p.nth = 1 AND p.has_archived THEN (
               SELECT array_agg(b.user_id) FROM back b WHERE b.chat_id = p.chat_id) END
      FROM judged j LEFT JOIN placed p ON p.place = j.place
     ORDER BY j.place;
END $$;

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
    thumbnail_bytes bigint,                                 -- null: there is none, or the file is older than this column
    created_at      timestamptz(3) NOT NULL DEFAULT wire_now(),
    expires_at      timestamptz(3) NOT NULL,
    sent_at         timestamptz(3),                         -- when it was first to be sent; null: never
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

-- How much of a kind somebody has done on a day (UTC): new chats, groups, strangers added, files. A row a kind.
CREATE TABLE daily_budgets (
    user_id  uuid NOT NULL,
    kind     text NOT NULL,                                 -- private_chats, groups, strangers, files, file_bytes
    day      date NOT NULL,
    used     bigint NOT NULL,
    CONSTRAINT daily_budgets_pkey PRIMARY KEY (user_id, kind),
    CONSTRAINT daily_budgets_user_fk FOREIGN KEY (user_id) REFERENCES users (id)
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

-- Which history of the database this is: the newest row. A restored backup has rows that clients know in a later state; with
-- another epoch they begin afresh. `molva restored` writes a new one.
CREATE TABLE epochs (
    epoch     uuid PRIMARY KEY,
    began_at  timestamptz(3) NOT NULL DEFAULT wire_now()
);
INSERT INTO epochs (epoch) VALUES (gen_random_uuid());

-- How somebody lost the chat (left, removed, deleted): a leave that is repeated after a lost answer is answered as the first
-- one was.
ALTER TABLE members ADD COLUMN left_reason text;

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

-- What people let others see and do: who sees last_seen_at and presence (shared: who shares a chat with them), who may open a
-- private chat with them or add them to a group (shared: who shares a group with them), and whether their number finds them.
ALTER TABLE users
    ADD COLUMN last_seen_for   text NOT NULL DEFAULT 'shared',
    ADD COLUMN messages_from   text NOT NULL DEFAULT 'everyone',
    ADD COLUMN found_by_phone  boolean NOT NULL DEFAULT true;
ALTER TABLE users ADD CONSTRAINT users_last_seen_for_check CHECK (last_seen_for IN ('shared', 'nobody')) NOT VALID;
ALTER TABLE users ADD CONSTRAINT users_messages_from_check
    CHECK (messages_from IN ('everyone', 'shared', 'nobody')) NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT users_last_seen_for_check;
ALTER TABLE users VALIDATE CONSTRAINT users_messages_from_check;

-- Sessions that ended, for the sweeper.
CREATE INDEX login_sessions_ended_idx ON login_sessions (least(revoked_at, expires_at));

-- What a group shows besides its title, and which messages are pinned in the chat.
ALTER TABLE chats
    ADD COLUMN description   text,
    ADD COLUMN avatar_id     text,                              -- content address of the four images
    ADD COLUMN metadata      jsonb NOT NULL DEFAULT '{}',       -- an object of the application's own
    ADD COLUMN pinned_seqs   bigint[] NOT NULL DEFAULT '{}',    -- pinned messages, the greatest seq first
    ADD COLUMN has_archived  boolean NOT NULL DEFAULT false;    -- false: nobody has archived it, a send need not look
CREATE INDEX chats_avatar_idx ON chats (avatar_id) WHERE avatar_id IS NOT NULL;

ALTER TABLE members
    ADD COLUMN is_admin  boolean NOT NULL DEFAULT false,        -- of a group; its creator is in chats.creator_id
    ADD COLUMN archived  boolean NOT NULL DEFAULT false;        -- out of the member's list until somebody sends a message
-- Whose list a new message brings the chat back to.
CREATE INDEX members_archived_idx ON members (chat_id) WHERE archived AND left_at IS NULL;

-- Invites: whoever has the code of one may join the group.
CREATE TABLE invites (
    code        text PRIMARY KEY,                           -- unguessable
    chat_id     uuid NOT NULL,
    created_by  uuid NOT NULL,
    created_at  timestamptz(3) NOT NULL DEFAULT wire_now(),
    expires_at  timestamptz(3),                             -- null: never
    uses        integer NOT NULL DEFAULT 0,                 -- people who joined by it; counted under the chat's lock
    uses_max    integer,                                    -- null: any number
    revoked_at  timestamptz(3),
    CONSTRAINT invites_chat_fk FOREIGN KEY (chat_id) REFERENCES chats (id),
    CONSTRAINT invites_creator_fk FOREIGN KEY (created_by) REFERENCES users (id),
    CONSTRAINT invites_uses_check CHECK (uses_max IS NULL OR uses <= uses_max)
);
CREATE INDEX invites_chat_idx ON invites (chat_id, created_at DESC);

-- The messages in which somebody is named: to count those that somebody has not read.
CREATE INDEX messages_mentions_idx ON messages (chat_id, seq) WHERE mentions <> '{}';


-- What people reported to the operator. What was reported is kept as it was at that moment, whatever becomes of it.
CREATE TABLE reports (
    id           uuid PRIMARY KEY,
    reporter_id  uuid NOT NULL,
    reason       text NOT NULL,
    comment      text,
    chat_id      uuid,
    seq          bigint,
    user_id      uuid,                                      -- the person reported; of a message, its sender
    reported     jsonb NOT NULL,                            -- the message, chat and person as they were
    created_at   timestamptz(3) NOT NULL DEFAULT wire_now(),
    CONSTRAINT reports_reason_check CHECK (reason IN ('spam', 'abuse', 'illegal', 'other')),
    CONSTRAINT reports_reporter_fk FOREIGN KEY (reporter_id) REFERENCES users (id)
);
-- The operator's list, newest first.
CREATE INDEX reports_created_idx ON reports (created_at, id);
-- How many somebody has made today.
CREATE INDEX reports_reporter_idx ON reports (reporter_id, created_at);

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

-- The tables that change most are cleaned often. By default PostgreSQL waits until a fifth of the rows are dead: in a table of
-- 100 million messages, 20 million. Nobody waits for these statements.
ALTER TABLE messages SET (
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02
);
ALTER TABLE chats SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE members SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE login_sessions SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
