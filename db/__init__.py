"""PostgreSQL. Nobody else imports ``databases`` or ``asyncpg``; driver errors never leave this room."""
