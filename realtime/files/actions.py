"""``file:*``: URLs of files."""

from accounts.files import find_file
from core.file_urls import FileForm
from realtime.files.payloads import FileAt, FileUrl
from realtime.wire.context import Context
from realtime.wire.registry import Rate, Role, action


@action("file:url", role=Role.USER, rate=Rate.READ, finds=True)
async def make_file_url(context: Context, payload: FileAt) -> FileUrl:
    """Make fresh URLs of a file, for when those in a message have ended.

    The file must be yours or in a message that you may see.
    """
    row = await find_file(context.services.database, payload.file_id, context.user_id)
    urls = context.services.file_urls
    return FileUrl(
        url=urls.sign(row.id),
        thumbnail_url=urls.sign(row.id, FileForm.THUMBNAIL) if row.thumbnail_mime else None,
        expires_at=urls.expires_at(),
    )
