"""The ``molva`` command: serve, migrate, seed, check.

Each command imports what it needs itself: help and a refused setting come at once.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import AppError, StartupError
from core.settings import load_settings

app = typer.Typer(
    help=(
        "Molva, a self-hosted chat backend: Socket.IO and HTTP on one port, PostgreSQL behind them.\n\n"
        "Settings are environment variables with the prefix MOLVA_ (MOLVA_PORT, MOLVA_DATABASE_URL, MOLVA_DATA_DIR, ...); "
        "README.md lists them. Without MOLVA_DATABASE_URL an embedded PostgreSQL runs in MOLVA_DATA_DIR."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def serve() -> None:
    """Migrate the database, then serve in the foreground until Ctrl-C or SIGTERM.

    Example: MOLVA_PORT=9000 molva serve
    """
    settings = load_settings()
    import server

    server.serve(settings)


@app.command()
def migrate() -> None:
    """Bring the database to this version and say what was applied.

    Servers do so themselves when they start; a deployment runs it once before them.
    """
    settings = load_settings()
    import server
    from db.migrate import migrate as apply_migrations

    with server.database_url_of(settings, beside_server=True) as url:
        applied = asyncio.run(apply_migrations(url))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@app.command()
def check() -> None:
    """Verify settings, data directory, database, migrations and clock; exit with 1 if anything is wrong."""
    import checks

    if not checks.run_checks():
        raise typer.Exit(1)


@app.command()
def seed(
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="People to make.")] = 100,
    chats: Annotated[int, typer.Option(min=0, max=1_000_000, help="Chats to make.")] = 200,
    members: Annotated[int, typer.Option(min=2, max=1_000, help="People in each chat; 2 makes private chats.")] = 2,
    messages: Annotated[int, typer.Option(min=0, max=100_000_000, help="Messages in all, spread evenly.")] = 10_000,
    tokens: Annotated[
        Path | None,
        typer.Option(help="Where to write one JSON line per user (user_id, phone, access_token, chat_ids); else stdout."),
    ] = None,
) -> None:
    """Fill the database with people, chats and messages, for demonstrations and load tests; never in production.

    Access tokens live for 15 minutes, as always.

    Example: molva seed --users 1000 --chats 500 --members 2 --messages 100000 --tokens tokens.jsonl
    """
    settings = load_settings()
    import seeding

    plan = seeding.Plan(users=users, chats=chats, members=members, messages=messages)
    seeding.seed(settings, plan, tokens)


def main() -> None:
    """Entry point: an error that the operator can mend is one sentence and exit status 1."""
    _guarded(app)


def _guarded(command: Callable[[], Any]) -> None:
    try:
        command()
    except (StartupError, AppError) as error:
        print(f"molva: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
