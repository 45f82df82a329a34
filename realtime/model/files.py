"""What people get of a file in a message: the stored description, with URLs that work without a header.

Stored are paths. The signed URLs end after some hours, so they are made when the message is shown: while an answer or an
event is encoded.
"""

from typing import Any

from core.file_urls import FileForm, FileUrls, path_of
from db.files import FileRow


def describe_file(row: FileRow) -> dict[str, Any]:
    """What a client needs to show the file before it has downloaded it."""
    described = {
        "file_id": row.id,
        "name": row.name,
        "mime": row.mime,
        "size": row.size_bytes,
        "url": path_of(row.id),
        "width": row.width,
        "height": row.height,
        "duration": None if row.duration_ms is None else row.duration_ms / 1000,
        "blurhash": row.blurhash,
        "thumbnail": path_of(row.id, FileForm.THUMBNAIL) if row.thumbnail_mime else None,
    }
    return {name: value for name, value in described.items() if value is not None}


def show_content(content: dict[str, Any], urls: FileUrls) -> dict[str, Any]:
    """The content of a message as people get it: with signed URLs where it holds a file."""
    if "file_id" not in content:
        return content
    shown = {**content, "url": urls.sign(content["file_id"])}
    if "thumbnail" in content:
        shown["thumbnail"] = shown["thumbnail_url"] = urls.sign(content["file_id"], FileForm.THUMBNAIL)
    return shown
