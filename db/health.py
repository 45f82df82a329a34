"""Whether the database does its work."""

from db.pool import Tx
from db.query import query


@query("""
    -- Which PostgreSQL it is.
    SELECT current_setting('server_version')
""")
async def read_version(tx: Tx) -> str: ...


@query("""
    -- The database's clock, in Unix seconds.
    SELECT extract(epoch FROM clock_timestamp())::float8
""")
async def read_clock(tx: Tx) -> float: ...
