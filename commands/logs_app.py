"""The command line of ``molva logs``: its arguments and help. What it does is in ``commands/logs.py``."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from core.errors import StartupError
from core.settings import load_settings


def find_in_log(
    file: Annotated[
        Path,
        typer.Argument(metavar="[FILE]", help="The log, one JSON object a line; - is standard input.", show_default=False),
    ] = Path("-"),
    *,
    request: Annotated[str | None, typer.Option(metavar="ID", help="The request_id that a client was told.")] = None,
    user: Annotated[str | None, typer.Option(metavar="ID", help="What a person did, and what was done to them.")] = None,
    chat: Annotated[str | None, typer.Option(metavar="ID", help="What happened in a chat.")] = None,
    message: Annotated[str | None, typer.Option(metavar="CHAT:SEQ", help="What happened to a message.")] = None,
    connection: Annotated[str | None, typer.Option(metavar="ID", help="What happened on a connection.")] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="What happened in a login session.")] = None,
    phone: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Codes and sign-ins of a number; needs the server's settings.")
    ] = None,
    event: Annotated[str | None, typer.Option(metavar="NAME", help="Lines of this event, action or route.")] = None,
    problems: Annotated[bool, typer.Option("--problems", help="Refusals, warnings and errors alone.")] = False,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="From this time on: 2026-11-25T14:02, UTC.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to this time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they are.")] = False,
) -> None:
    """Find in a log what happened: the lines that fit all that is asked, and the other lines of their requests.

    If nothing is found, the exit status is 1.

    \b
    Examples:
      docker compose logs --no-log-prefix molva | molva logs --request 0192f0c1-7a3b-7c4d-8e5f-60718293a4b5
      molva logs molva.log --message 0192f0c1-7a3b-7c4d-8e5f-60718293a4b5:21
      molva logs molva.log --user 0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012 --since 2026-11-25T14:00 --until 2026-11-25T14:05
      molva logs molva.log --phone +79161234567
    """
    from commands.logs import Question, answer

    chat_of_message, seq = _message(message)
    question = Question(
        request_id=request,
        user_id=user,
        chat_id=chat or chat_of_message,
        seq=seq,
        connection_id=connection,
        session_id=session,
        phone_hashes=frozenset() if phone is None else _phone_hashes(phone),
        event=event,
        problems=problems,
        since=_moment(since, "--since"),
        until=_moment(until, "--until"),
    )
    if not answer(file, question, as_json=as_json):
        raise typer.Exit(1)


def _message(message: str | None) -> tuple[str | None, int | None]:
    if message is None:
        return None, None
    chat_id, _, seq = message.rpartition(":")
    if not chat_id or not (seq.isascii() and seq.isdigit()):
        raise typer.BadParameter("must be the chat's ID and the message's seq: CHAT:21", param_hint="--message")
    return chat_id, int(seq)


def _moment(text: str | None, option: str) -> datetime | None:
    from commands.logs import moment

    try:
        return None if text is None else moment(text)
    except ValueError:
        raise typer.BadParameter("must be a time like 2026-11-25T14:02", param_hint=option) from None


def _phone_hashes(phone: str) -> frozenset[str]:
    from core.phones import normalise_phone
    from core.tokens import PhoneHashes

    settings = load_settings()
    if settings.jwt_secret is None and not (settings.data_dir / "development_secret").exists():
        raise StartupError("The hash of a number needs the server's MOLVA_JWT_SECRET or MOLVA_DATA_DIR.")
    try:
        number = normalise_phone(phone, region=settings.phone_region)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--phone") from None
    secrets = (settings.signing_secret(), settings.previous_signing_secret())
    return frozenset(PhoneHashes(secret).of(number) for secret in secrets if secret)
