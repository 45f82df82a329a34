"""The command line of ``molva admin`` and ``molva keys``: their arguments and help. What they do is beside it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.settings import load_settings

if TYPE_CHECKING:
    from commands.admin import AdminClient

keys_app = typer.Typer(help="Make, list and revoke the keys of operators.", no_args_is_help=True, rich_markup_mode=None)
admin_app = typer.Typer(
    help=(
        "Find people, keep them out, moderate, announce, and read who did it.\n\n"
        "The commands call a running server with a key of `molva keys create`.\n\n"
        "\b\nExample:\n"
        "  export MOLVA_ADMIN_KEY=$(molva keys create --name me --scope admin)\n"
        "  molva admin find anna\n"
        "  molva admin ban --user 0192f0c0-1d2e-7f30-9a4b-5c6d7e8f9012 --reason spam"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)

UserId = Annotated[str, typer.Argument(metavar="USER_ID", help="ID of the person.")]
ChatId = Annotated[str, typer.Argument(metavar="CHAT_ID", help="ID of the chat.")]


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="Who or what gets the key. The audit log shows it.")],
    scope: Annotated[str, typer.Option(help="What the key is for, separated by commas: admin.")],
) -> None:
    """Make a key and print it. It is not shown again."""
    from admin.keys import Scope
    from commands import keys

    names = [part.strip() for part in scope.split(",")]
    unknown = sorted(set(names) - {known.value for known in Scope})
    if unknown:
        raise typer.BadParameter(f"there is no scope {', '.join(unknown)}", param_hint="--scope")
    if not 0 < len(name.strip()) <= 100 or not name.isprintable():
        raise typer.BadParameter("must have 1 to 100 printable characters", param_hint="--name")
    print(keys.create_key(load_settings(), name.strip(), [Scope(part) for part in names]))


@keys_app.command("list")
def list_keys() -> None:
    """List the keys: who has them, what they are for, and when they were used."""
    from commands import keys

    keys.show_keys(load_settings())


@keys_app.command("revoke")
def revoke_key(name: Annotated[str, typer.Option(help="Name of the key.")]) -> None:
    """Make a key useless, at once."""
    from commands import keys

    keys.revoke_key(load_settings(), name)
    print(f"{name}: revoked")


@admin_app.callback()
def configure(
    context: typer.Context,
    key: Annotated[str, typer.Option(envvar="MOLVA_ADMIN_KEY", help="The key.", show_envvar=True)] = "",
    url: Annotated[
        str, typer.Option(envvar="MOLVA_ADMIN_URL", help="Address of the server; without it that of the settings here.")
    ] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Prepare the call."""
    context.obj = (url, key, as_json)


def _client(context: typer.Context) -> "AdminClient":
    from commands.admin import AdminClient

    url, key, as_json = context.obj
    if not key:
        raise typer.BadParameter("set MOLVA_ADMIN_KEY to a key of `molva keys create --scope admin`", param_hint="--key")
    if not url:
        settings = load_settings()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"http://{'127.0.0.1' if settings.host == '0.0.0.0' else host}:{settings.port}"  # noqa: S104  (compared)
    return AdminClient(url, key, as_json=as_json)


@admin_app.command("find")
def find(context: typer.Context, query: str) -> None:
    """Find people by ID, phone number, username, or a part of the name."""
    from commands import admin

    admin.find_users(_client(context), query)


@admin_app.command("show")
def show(context: typer.Context, user_id: UserId) -> None:
    """Show a person, their devices, connections and bans."""
    from commands import admin

    admin.show_user(_client(context), user_id)


@admin_app.command("end-sessions")
def end_sessions(
    context: typer.Context,
    user_id: UserId,
    session: Annotated[str | None, typer.Option(help="Only this session.")] = None,
) -> None:
    """Sign a person out, on all devices or on one."""
    client = _client(context)
    path = f"/users/{user_id}/sessions"
    answer = client.call("DELETE", path if session is None else f"{path}/{session}")
    client.say(answer, f"{answer['ended'] if answer else 1} signed out")


@admin_app.command("end-connection")
def end_connection(context: typer.Context, user_id: UserId, connection_id: str) -> None:
    """Close one connection of a person, who may connect again."""
    client = _client(context)
    client.say(client.call("DELETE", f"/users/{user_id}/connections/{connection_id}"), "closed")


@admin_app.command("ban")
def ban(
    context: typer.Context,
    user: Annotated[str | None, typer.Option(help="ID of a person.")] = None,
    phone: Annotated[str | None, typer.Option(help="A phone number.")] = None,
    network: Annotated[str | None, typer.Option(help="An IP address or a range, such as 203.0.113.0/24.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; for operators only.")] = None,
    until: Annotated[str | None, typer.Option(help="When it ends by itself (RFC 3339).")] = None,
) -> None:
    """Ban a person, a phone number or a range of network addresses."""
    client = _client(context)
    asked = {"user_id": user, "phone": phone, "network": network, "reason": reason, "expires_at": until}
    answer = client.call("POST", "/bans", json={name: value for name, value in asked.items() if value is not None})
    client.say(answer, f"banned: {answer['id']}")


@admin_app.command("unban")
def unban(context: typer.Context, ban_id: str) -> None:
    """Lift a ban. `molva admin bans` shows its ID."""
    client = _client(context)
    client.say(client.call("DELETE", f"/bans/{ban_id}"), "lifted")


@admin_app.command("bans")
def bans(
    context: typer.Context,
    *,
    past: Annotated[bool, typer.Option("--past", help="Also those that ended or were lifted.")] = False,
) -> None:
    """List the bans, newest first."""
    from commands import admin

    admin.list_bans(_client(context), past=past)


@admin_app.command("delete-message")
def delete_message(context: typer.Context, chat_id: ChatId, seq: int) -> None:
    """Delete a message, whoever wrote it."""
    client = _client(context)
    client.say(client.call("DELETE", f"/chats/{chat_id}/messages/{seq}"), "deleted")


@admin_app.command("delete-chat")
def delete_chat(context: typer.Context, chat_id: ChatId) -> None:
    """Delete a chat for all its members."""
    client = _client(context)
    client.say(client.call("DELETE", f"/chats/{chat_id}"), "deleted")


@admin_app.command("reports")
def reports(context: typer.Context, state: Annotated[str, typer.Option(help="open, settled or all.")] = "open") -> None:
    """List what people reported, newest first."""
    from commands import admin

    admin.list_reports(_client(context), state)


@admin_app.command("settle")
def settle(
    context: typer.Context,
    report_id: str,
    outcome: Annotated[str, typer.Option(help="acted or dismissed.")],
    note: Annotated[str | None, typer.Option(help="What was done; for operators only.")] = None,
) -> None:
    """Write down what became of a report."""
    client = _client(context)
    answer = client.call("POST", f"/reports/{report_id}/settle", json={"outcome": outcome, "note": note})
    client.say(answer, f"settled: {answer['outcome']}")


@admin_app.command("export")
def export(
    context: typer.Context, user_id: UserId, file: Annotated[Path, typer.Argument(help="The ZIP archive to write.")]
) -> None:
    """Write everything of a person to a ZIP archive."""
    client = _client(context)
    client.save(f"/users/{user_id}/export", file)
    client.say({"file": str(file)}, f"{file} written")


@admin_app.command("erase")
def erase(
    context: typer.Context,
    user_id: UserId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete somebody's account, for good."""
    client = _client(context)
    if not yes:
        typer.confirm(f"Delete the account {user_id} for good?", abort=True, err=True)
    client.say(client.call("DELETE", f"/users/{user_id}"), "erased")


@admin_app.command("announce")
def announce(
    context: typer.Context,
    text: str,
    level: Annotated[str, typer.Option(help="info, warning or critical.")] = "info",
    until: Annotated[str | None, typer.Option(help="When it ends (RFC 3339); without it in 24 hours.")] = None,
) -> None:
    """Tell everybody who is online, and who connects until it ends."""
    client = _client(context)
    answer = client.call("POST", "/announcements", json={"text": text, "level": level, "until": until})
    client.say(answer, f"announced until {answer['until']}: {answer['id']}")


@admin_app.command("announcements")
def announcements(context: typer.Context) -> None:
    """List what is announced now."""
    from commands import admin

    admin.list_announcements(_client(context))


@admin_app.command("end-announcement")
def end_announcement(context: typer.Context, announcement_id: str) -> None:
    """Take an announcement back."""
    client = _client(context)
    client.say(client.call("DELETE", f"/announcements/{announcement_id}"), "ended")


@admin_app.command("retention")
def retention(context: typer.Context) -> None:
    """List how long messages are kept."""
    from commands import admin

    admin.list_retention(_client(context))


@admin_app.command("keep")
def keep(
    context: typer.Context,
    chat: Annotated[str | None, typer.Option(help="ID of a chat; without it all chats without a rule.")] = None,
    days: Annotated[int | None, typer.Option(help="Delete older messages.")] = None,
    media_days: Annotated[int | None, typer.Option(help="Delete older messages that have a file.")] = None,
) -> None:
    """Set how long messages are kept. Without days the rule is deleted."""
    client = _client(context)
    rule = {"chat_id": chat, "message_days": days, "media_days": media_days}
    client.say(client.call("PUT", "/retention", json=rule), "set")


@admin_app.command("log")
def audit_log(
    context: typer.Context,
    target: Annotated[str | None, typer.Option(help='Only what was done to this, such as "user 0192f0c0-…".')] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Number of entries.")] = 50,
) -> None:
    """Show who did what, newest first."""
    from commands import admin

    admin.read_audit_log(_client(context), target, limit)
