-- Search finds what people type (emoji, letters without their marks) and walks from new to old.
-- The index of words is built anew: about a minute for a million messages, in which sends wait.
DROP INDEX messages_search_idx;
DROP FUNCTION words_of(jsonb);
DROP FUNCTION plain_words(jsonb);

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

CREATE INDEX messages_search_idx ON messages USING gin (chat_id, words_of(content))
 WHERE deleted_at IS NULL AND type <> 'system';
