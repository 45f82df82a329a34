"""The keys of stored objects."""


def avatar_key(avatar_id: str, size: str) -> str:
    """Key of one image of an avatar."""
    return f"avatars/{avatar_id}/{size}"


def file_key(file_id: str) -> str:
    """Key of the bytes of a file."""
    return f"files/{file_id}/content"


def thumbnail_key(file_id: str) -> str:
    """Key of the thumbnail of a file."""
    return f"files/{file_id}/thumbnail"
