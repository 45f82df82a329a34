-- send_messages is planned once a connection, not with every batch: its plan is the same whatever comes (each table is
-- looked up by its key), and making it costs a millisecond, or hundreds for a full batch into one chat.
ALTER FUNCTION send_messages(uuid[], uuid[], uuid[], bytea[], text[], jsonb[], bigint[], text[])
    SET plan_cache_mode = force_generic_plan;
