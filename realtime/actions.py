"""Loads every declaration. A new concept adds its line; a new action of a concept that is here adds none."""

import realtime.chats.actions
import realtime.chats.group_profile
import realtime.chats.groups
import realtime.chats.personal
import realtime.chats.typing
import realtime.files.actions
import realtime.invites.actions
import realtime.members.actions
import realtime.messages.actions
import realtime.messages.changes
import realtime.messages.forwarding
import realtime.messages.pins
import realtime.messages.reactions
import realtime.messages.readers
import realtime.messages.revisions
import realtime.messages.search
import realtime.presence.actions
import realtime.reports.actions
import realtime.sessions.actions
import realtime.sessions.sync
import realtime.users.actions  # noqa: F401  (imported for what they declare)
