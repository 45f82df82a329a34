"""``/v1/admin/*``: what operators do. The rules are in ``admin``; each call leaves a row in the audit log."""

from typing import Final

from fastapi import APIRouter

from http_api.routes.admin import announcements, audit, bans, moderation, retention, users

ADMIN_ROUTERS: Final[tuple[APIRouter, ...]] = (
    users.router,
    bans.router,
    moderation.router,
    announcements.router,
    retention.router,
    audit.router,
)
