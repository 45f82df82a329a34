"""The ``molva`` command: serve, migrate, seed, check.

Each command imports what it needs itself: help and a refused setting come at once.
"""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.errors import AppError, StartupError
from core.limits import GROUP_MEMBERS_MAX
from core.settings import load_settings

app = typer.Typer(
    help=(
        "Molva, a self-hosted chat backend: Socket.IO and HTTP on one port, PostgreSQL behind them.\n\n"
        "\b\nSettings are environment variables; those that matter first:\n"
        "  MOLVA_HOST, MOLVA_PORT  where to listen             127.0.0.1, 8000\n"
        "  MOLVA_DATA_DIR          data and secrets            ./var\n"
        "  MOLVA_DATABASE_URL      postgresql://..., or else   embedded, in MOLVA_DATA_DIR\n"
        "  MOLVA_ENVIRONMENT       development or production   development\n\n"
        "\b\nA first look:\n"
        "  molva seed --users 50 --chats 100 --members 2 --messages 5000 --tokens tokens.jsonl\n"
        "  molva serve\n\n"
        "README.md lists every setting; a running server has its documents, to try out, at /docs/ and /docs/events."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def serve() -> None:
    """Migrate the database, then serve until Ctrl-C or SIGTERM.

    It says the address once it is ready. SIGTERM and Ctrl-C answer what was received, then end.

    \b
    Example:
      MOLVA_PORT=9000 molva serve
    """
    settings = load_settings()
    import server

    server.serve(settings)


@app.command()
def migrate() -> None:
    """Bring the database to this version; says what was applied.

    Servers do so themselves when they start; a deployment runs it once before them. `molva check` says what is pending.

    \b
    Example:
      MOLVA_DATABASE_URL=postgresql://molva:secret@db/molva molva migrate
    """
    settings = load_settings()
    import server

    with server.database_url_of(settings, beside_server=True) as url:
        applied, _ = asyncio.run(server.migrate_as_owner(settings, url))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@app.command()
def check() -> None:
    """Say whether this would work here, a line per check.

    Settings, data directory, database and its version, migrations, clock. Each line begins with ok or failed; if one
    failed, the exit status is 1.
    """
    from commands import check as checks

    if not checks.run_checks():
        raise typer.Exit(1)


@app.command()
def restored() -> None:
    """Tell Molva that a backup of the database was put back.

    Run it once, after the restore and before clients come back, or while servers are running. Clients then drop what they
    keep of the time after the backup, and nobody has to sign in again.

    \b
    Example:
      MOLVA_DATABASE_URL=postgresql://molva:secret@db/molva molva restored
    """
    settings = load_settings()
    from commands.restored import renew_epoch

    print(f"the new epoch is {renew_epoch(settings)}")


@app.command()
def seed(
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="People to make.")] = 100,
    chats: Annotated[int, typer.Option(min=0, max=1_000_000, help="Chats to make.")] = 200,
    members: Annotated[
        int, typer.Option(min=2, max=GROUP_MEMBERS_MAX, help="People in each chat; 2 makes private chats.")
    ] = 2,
    messages: Annotated[int, typer.Option(min=0, max=100_000_000, help="Messages in all chats together.")] = 10_000,
    tokens: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to write a JSON line per user; - is standard output.")
    ] = Path("-"),
    *,
    examples: Annotated[
        bool, typer.Option("--examples", help="Also make, once, the people and chats of the documents' examples.")
    ] = False,
) -> None:
    """Add people, chats and messages, for demonstrations and load tests.

    Adds to what is there, beside a running server too; refused in production. Messages are spread evenly over the chats;
    the one that opens a group counts. Everybody is in about as many chats as everybody else.

    For each user a line with user_id, phone, access_token and chat_ids is written. The access tokens are good for 15
    minutes, as any. For longer, sign in with the phone: in development POST /v1/auth/codes answers with the code.

    With --examples whoever signs in as +79161234567 can execute the examples of /docs/ as they stand; that person and two
    more have their lines behind the others.

    \b
    Examples:
      molva seed --users 1000 --chats 500 --members 2 --messages 100000 --tokens tokens.jsonl
      molva seed --examples
      molva seed --users 100 --chats 1 --members 100 --messages 0 | jq -r .access_token
    """
    settings = load_settings()
    from commands import seed as seeding
    from commands.seeding.plan import Plan

    plan = Plan(users=users, chats=chats, members=members, messages=messages, examples=examples)
    seeding.seed(settings, plan, tokens)


def main() -> None:
    """Entry point: an error that the operator can mend is one sentence and exit status 1. Ctrl-C is quiet, typer's 130."""
    try:
        app()
    except (StartupError, AppError) as error:
        print(f"molva: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
