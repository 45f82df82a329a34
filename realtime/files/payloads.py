"""Payloads of ``file:*``."""

from pydantic import Field

from realtime.wire.fields import FILE_ID, ClientPayload, Id, ServerPayload, Time


class FileAt(ClientPayload):
    """Which file."""

    file_id: Id = Field(description="ID of the file: `file_id` in the content of a message.", examples=[FILE_ID])


class FileUrl(ServerPayload):
    """URLs that need no header, relative to the server."""

    url: str = Field(
        description="URL of the file.",
        examples=[f"/v1/files/{FILE_ID}?expires=1795651200&signature=q4Hd0mXkq1yUeJ2mB8aZcw"],
    )
    thumbnail_url: str | None = Field(
        description="Of an image: URL of a small copy.",
        examples=[f"/v1/files/{FILE_ID}/thumbnail?expires=1795651200&signature=Zk2vB1uGm0cX8sQeT7yLhA"],
    )
    expires_at: Time = Field(description="When both URLs end.", examples=["2026-11-26T00:00:00.000Z"])
