"""How many phone numbers each person looks up in a day: enough for an address book, too few to try all that there are."""

from core.limits import NUMBERS_ON_FIRST_DAY_MAX, NUMBERS_PER_DAY_MAX
from db.pool import Tx
from db.query import query


@query(f"""
    -- Counts $2 numbers more, unless that makes too many for today (UTC); then null. A new account has less to begin with.
    INSERT INTO look_ups AS l (user_id, day, numbers) VALUES ($1, current_date, $2)
    ON CONFLICT ON CONSTRAINT look_ups_pkey DO UPDATE
       SET day = excluded.day,
           numbers = CASE l.day WHEN excluded.day THEN l.numbers ELSE 0 END + excluded.numbers
     WHERE CASE l.day WHEN excluded.day THEN l.numbers ELSE 0 END + excluded.numbers <= (
           SELECT CASE WHEN u.created_at > wire_now() - interval '1 day' THEN {NUMBERS_ON_FIRST_DAY_MAX}
                       ELSE {NUMBERS_PER_DAY_MAX} END
             FROM users u WHERE u.id = excluded.user_id)
    RETURNING numbers
""")
async def count_numbers(tx: Tx, user_id: str, numbers: int) -> int | None: ...
