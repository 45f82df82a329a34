"""Messages that hold a file: who may send it, which kind it must be, and what the server adds to the content.

What must stay true: only the uploader can send a file; for everybody else it does not exist. A file is kept until the
message that holds it is stored (``db.files``). What the server adds never changes, so a stored message never has to be
updated because of its file: URLs that end are made when the message is shown (``model.files``).
"""

from typing import Any, Final

from core.errors import ValidationFailed
from db import files
from db.pool import Tx
from realtime.model.files import describe_file

ATTACHMENTS: Final = {"image": "image", "video": "video", "audio": "audio", "file": None}
"""Message type → the kind that its file must have; ``None``: any kind."""


async def attach(tx: Tx, message_type: str, content: dict[str, Any], sender_id: str) -> dict[str, Any] | None:
    """``content`` with what is known of its file, which is held for the message; ``None`` if the sender has no such file.

    ``ValidationFailed`` for a file of another kind.
    """
    own = await files.find_own_file(tx, content["file_id"], sender_id)
    if own is None or not (own.is_held or await files.hold_file(tx, own.file.id)):
        return None
    needed = ATTACHMENTS[message_type]
    if needed not in {None, own.file.kind}:
        raise ValidationFailed.at(
            "content.file_id", f"must be a file of kind {needed}, and this one is of kind {own.file.kind}"
        )
    return describe_file(own.file) | content
