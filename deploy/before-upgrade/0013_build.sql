-- Builds the index of the migration 0013_search while the server of the earlier version runs. Run it with psql as the owner of
-- the tables, then 0013_switch.sql; docs/operations.md, "An upgrade of a large installation". It may be run again.
\set ON_ERROR_STOP on
SET lock_timeout = 0;
SET statement_timeout = 0;
SET maintenance_work_mem = '512MB';

DO $$ BEGIN
    IF current_user <> (SELECT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename = 'messages') THEN
        RAISE EXCEPTION 'run this as the owner of the tables';
    END IF;
    IF EXISTS (SELECT FROM schema_migrations WHERE name = '0013_search') THEN
        RAISE EXCEPTION 'the migration 0013_search was applied: there is nothing to build';
    END IF;
END $$;

-- The functions are those of the migration. `words_of` is in use until the switch, so the new one has another name until then.
-- One spelling for letters that people type in several ways: é and e, ё and е, ß and ss. й stays: the stemmer needs it.
-- Compatibility forms (full width, ligatures) become the plain letters. realtime/messages/search_words.py spells a query in
-- the same way.
CREATE OR REPLACE FUNCTION plain_letters(words text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
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
CREATE OR REPLACE FUNCTION said_in(content jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    coalesce(content ->> 'text', '') || ' ' || coalesce(content ->> 'caption', '') || ' '
        || coalesce(content ->> 'title', '') || ' ' || coalesce(content ->> 'name', '');

-- Its words: marks that join words (of an address, a path, a number) become spaces, so that each part is found by itself.
-- Most texts have plain letters only and skip plain_letters, which costs more than all the rest.
CREATE OR REPLACE FUNCTION plain_words(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    regexp_replace(
        CASE WHEN said ~ '[^\u0001-\u007Fа-яА-ЯёЁ«»—–…№]' THEN plain_letters(said)
             ELSE replace(replace(said, 'ё', 'е'), 'Ё', 'Е') END,
        '[-@./+_:&=?#%~''<>]', ' ', 'g');

-- The emoji of a text, each as a word of one character. Skin tones and joiners are none: any 👍 finds any other.
CREATE OR REPLACE FUNCTION emoji_of(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN
    array_to_tsvector(ARRAY(
        SELECT found.emoji[1]
          FROM regexp_matches(said, '[\u2300-\u23FF\u2600-\u27BF\u2B00-\u2BFF\U0001F000-\U0001F3FA\U0001F400-\U0001FAFF]', 'g')
               AS found (emoji)));

-- The words by which a message is found: their stems, so that any form finds any other, and themselves, so that the
-- beginning of any form does. The configuration `russian` stems Cyrillic words as Russian and Latin ones as English.
-- OFFSET 0: what is said is found out once.
CREATE OR REPLACE FUNCTION words_of_next(content jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (
    SELECT CASE WHEN plain.said ~ '[\u2300-\u23FF\u2600-\u27BF\u2B00-\u2BFF\U0001F000-\U0001FAFF]'
                THEN to_tsvector('russian', plain.words) || to_tsvector('simple', plain.words) || emoji_of(plain.said)
                ELSE to_tsvector('russian', plain.words) || to_tsvector('simple', plain.words) END
      FROM (SELECT found.said, plain_words(found.said) AS words
              FROM (SELECT said_in(content) AS said OFFSET 0) found OFFSET 0) plain);

-- What a build that was stopped left.
SELECT 'DROP INDEX CONCURRENTLY messages_search_next'
 WHERE EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('messages_search_next') AND NOT indisvalid) \gexec

CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_search_next ON messages USING gin (chat_id, words_of_next(content))
 WHERE deleted_at IS NULL AND type <> 'system';
