-- Puts the index of 0013_build.sql in the place of the old one, and notes that the migration 0013_search was applied. It takes
-- milliseconds. Upgrade right after it: a server of the earlier version goes on, but does not start again.
\set ON_ERROR_STOP on
BEGIN;
SET LOCAL lock_timeout = '2s'; -- sends wait no longer than this; if it fails, run it again

DO $$ BEGIN
    IF current_user <> (SELECT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename = 'messages') THEN
        RAISE EXCEPTION 'run this as the owner of the tables';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('messages_search_next') AND indisvalid) THEN
        RAISE EXCEPTION 'the index messages_search_next is missing or incomplete: run 0013_build.sql first';
    END IF;
END $$;

DROP INDEX messages_search_idx;
DROP FUNCTION words_of(jsonb);
DROP FUNCTION plain_words(jsonb);
ALTER FUNCTION words_of_next(jsonb) RENAME TO words_of;
ALTER INDEX messages_search_next RENAME TO messages_search_idx;

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

INSERT INTO schema_migrations (name, checksum)
VALUES ('0013_search', 'c4a33d8439485b0534b4a42c1e2f20ec7df6ac5f58a746033cb804a5b6c7f291');
COMMIT;
