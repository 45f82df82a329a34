"""Under which key each object is stored."""


def avatar_key(avatar_id: str, size: str) -> str:
    """Where one image of an avatar is."""
    return f"avatars/{avatar_id}/{size}"


def file_key(file_id: str) -> str:
    """Where the bytes of a file are."""
    return f"files/{file_id}/content"


def thumbnail_key(file_id: str) -> str:
    """Where the thumbnail of a file is."""
    return f"files/{file_id}/thumbnail"
