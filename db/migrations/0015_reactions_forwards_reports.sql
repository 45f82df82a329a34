-- Metadata of messages, forwarded messages, reactions, reports; what signed URLs of files need.

-- Defaults that are constant: no row is written anew.
ALTER TABLE messages
    ADD COLUMN metadata jsonb,
    ADD COLUMN forwarded_from jsonb,
    ADD COLUMN reactions jsonb NOT NULL DEFAULT '[]';

-- When a file was first to be sent: from then on its signed URL works only while a message holds it.
ALTER TABLE files ADD COLUMN sent_at timestamptz(3);

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

CREATE TABLE reports (
    id           uuid PRIMARY KEY,
    reporter_id  uuid NOT NULL,
    reason       text NOT NULL,
    comment      text,
    chat_id      uuid,
    seq          bigint,
    user_id      uuid,
    reported     jsonb NOT NULL,
    created_at   timestamptz(3) NOT NULL DEFAULT wire_now(),
    CONSTRAINT reports_reason_check CHECK (reason IN ('spam', 'abuse', 'illegal', 'other')),
    CONSTRAINT reports_reporter_fk FOREIGN KEY (reporter_id) REFERENCES users (id)
);
CREATE INDEX reports_created_idx ON reports (created_at, id);
CREATE INDEX reports_reporter_idx ON reports (reporter_id, created_at);

-- Two more parameters, with defaults: processes of the version before go on calling these functions without them.
DROP FUNCTION send_message(uuid, uuid, uuid, bytea, text, jsonb, bigint, uuid[]);
DROP FUNCTION send_messages(uuid[], uuid[], uuid[], bytea[], text[], jsonb[], bigint[], text[]);

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
