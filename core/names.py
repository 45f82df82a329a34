"""Names of people, groups, files and contacts: what is in one can be seen, and is read in the order in which it stands.

And usernames that are nobody's: whoever had one could speak for the service, or for those who run it.
"""

import re
from typing import Final

_SPACES: Final = r"\t\n\r\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_JOINERS: Final = r"\u200c\u200d"
_SELECTORS: Final = "\\u180b-\\u180d\\u180f\\ufe00-\\ufe0f\U000e0100-\U000e01ef"
# Controls, what changes the direction of text, and what shows nothing: the characters that Unicode calls
# Default_Ignorable_Code_Point, and blanks that it does not call white space.
_UNFIT: Final = (
    r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U00013441\U00013442\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_SHOWN: Final = rf"[^{_SPACES}{_JOINERS}{_SELECTORS}{_UNFIT}][{_SELECTORS}]?"
# A joiner stands between two characters that are shown (a family is one emoji; Persian needs it), a selector behind one.
NAME_PATTERN: Final = rf"^[{_SPACES}]*{_SHOWN}(([{_JOINERS}]|[{_SPACES}]*){_SHOWN})*[{_SPACES}]*$"
_NAME: Final = re.compile(NAME_PATTERN.removesuffix("$"))
_UNFIT_ANYWHERE: Final = re.compile(f"[{_UNFIT}\t\n\r\ud800-\udfff]")
_UNFIT_ALONE: Final = re.compile(f"[{_JOINERS}{_SELECTORS}]")

_RESERVED: Final = frozenset((
    "abuse", "account", "accounts", "admin", "administrator", "admins", "announcement", "announcements", "anonymous",
    "api", "billing", "bot", "bots", "contact", "deleted", "everyone", "feedback", "help", "helpdesk", "info", "mail",
    "moderator", "moderators", "molva", "news", "nobody", "notification", "notifications", "official", "operator",
    "operators", "owner", "postmaster", "privacy", "report", "root", "security", "server", "service", "settings",
    "staff", "status", "support", "sysadmin", "system", "team", "undefined", "username", "verification", "verified",
    "verify", "webmaster",
))  # fmt: skip
_OWN: Final = "molva"


def fit_name(name: str) -> str:
    """``name`` if it is one; ``ValueError`` where something in it cannot be seen, or turns round what is read."""
    if not _NAME.fullmatch(name):
        raise ValueError("must not contain invisible characters, or characters that change the direction of text")
    return name


def clean_name(name: str) -> str:
    """``name`` on one line and without what is unfit for one; empty if nothing is left to see."""
    bare = _UNFIT_ANYWHERE.sub("", name)
    if not _NAME.fullmatch(bare):
        bare = _UNFIT_ALONE.sub("", bare)
    return bare if _NAME.fullmatch(bare) else ""


def refuse_reserved(username: str) -> str:
    """``username`` if somebody may have it; ``ValueError`` for a reserved one, whatever its case and underscores."""
    bare = username.replace("_", "").lower()
    if bare in _RESERVED or (bare.startswith(_OWN) and bare.removeprefix(_OWN) in _RESERVED):
        raise ValueError("is reserved")
    return username
