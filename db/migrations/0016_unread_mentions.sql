-- The messages in which somebody is named: to count those that somebody has not read. Few messages have mentions, so a send
-- mostly writes nothing here.
CREATE INDEX messages_mentions_idx ON messages (chat_id, seq) WHERE mentions <> '{}';
