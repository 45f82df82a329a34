"""How much each person does in a day (UTC) of what costs others: a counter for each person and kind."""

from db.pool import Tx
from db.query import query


@query("""
    -- Counts $3 more of the kind $2, unless that makes more than $4 today; then null. In the first 24 hours of an account
    -- it is $5 percent of that.
    INSERT INTO daily_budgets AS b (user_id, kind, day, used)
    SELECT u.id, $2, current_date, $3::bigint FROM users u
     WHERE u.id = $1
       AND $3::bigint <= CASE WHEN u.created_at > wire_now() - interval '1 day' THEN $4::bigint * $5::integer / 100
                              ELSE $4::bigint END
    ON CONFLICT ON CONSTRAINT daily_budgets_pkey DO UPDATE
       SET day = excluded.day,
           used = CASE b.day WHEN excluded.day THEN b.used ELSE 0 END + excluded.used
     WHERE CASE b.day WHEN excluded.day THEN b.used ELSE 0 END + excluded.used <= (
           SELECT CASE WHEN u.created_at > wire_now() - interval '1 day' THEN $4::bigint * $5::integer / 100
                       ELSE $4::bigint END
             FROM users u WHERE u.id = excluded.user_id)
    RETURNING used
""")
async def spend(tx: Tx, user_id: str, kind: str, amount: int, day_max: int, first_day_percent: int) -> int | None: ...


@query("""
    -- Corrects what was counted today by $3, up or down.
    UPDATE daily_budgets SET used = greatest(0, used + $3::bigint)
     WHERE user_id = $1 AND kind = $2 AND day = current_date
""")
async def correct(tx: Tx, user_id: str, kind: str, amount: int) -> None: ...
