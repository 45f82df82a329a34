"""One declaration per action and per event. Routing, validation, rights tests, limits, acks, logs, metrics, the HTTP face
and both documents follow from it.

An action::

    @action("chat:get", role=Role.MEMBER, rate=Rate.READ)
    async def get_chat(context: Context, payload: ChatGet) -> ChatAnswer:
        '''One chat, as the caller sees it.'''

An event::

    MESSAGE_CREATED = event("message:created", MessageCreated, to="connections whose active chat it is")

Payload and answer are read from the annotations; the docstring is the description. A name is written once, here.
"""

import inspect
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from core.conflicts import ConflictReason
from core.errors import ErrorCode
from realtime.wire.fields import EncodedPayload, ServerPayload

RESERVED_NAMES: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Names that belong to the Socket.IO libraries; a client that emits one reaches no handler."""

COMMON_ERRORS: Final = (
    ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_EXPIRED, ErrorCode.SESSION_REVOKED, ErrorCode.VALIDATION_FAILED,
    ErrorCode.RATE_LIMITED, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL,
)  # fmt: skip
"""Errors that every action may answer with; a declaration lists only what comes on top."""


class Role(StrEnum):
    """Who may call an action; everybody else gets what an invented id gets. Tests try each action as an outsider."""

    USER = "user"
    """Anyone signed in."""
    MEMBER = "member"
    """Members of the chat named in the payload."""
    ADMIN = "admin"
    """The creator and the admins of the group named in the payload."""
    CREATOR = "creator"
    """The creator of the chat named in the payload."""


class Rate(StrEnum):
    """Which budget an action draws on."""

    READ = "read"
    WRITE = "write"
    SEND = "send"
    LOOK_UP = "look_up"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Event:
    """A declared event."""

    name: str
    payload: type[ServerPayload]
    to: str
    description: str


@dataclass(frozen=True, slots=True)
class Action:
    """A declared action. ``errors`` holds the codes on top of :data:`COMMON_ERRORS`, ``conflicts`` the stable reasons."""

    name: str
    handler: Callable[[Any, Any], Awaitable[ServerPayload | EncodedPayload]]
    payload: type[BaseModel]
    answer: type[ServerPayload]
    role: Role
    rate: Rate
    errors: tuple[ErrorCode, ...]
    conflicts: tuple[ConflictReason, ...]
    emits: tuple[Event, ...]
    description: str

    @property
    def all_errors(self) -> tuple[ErrorCode, ...]:
        """Every code that its answer may have."""
        return (*self.errors, *COMMON_ERRORS)

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        return self.description.partition("\n")[0].removesuffix(".")


ACTIONS: Final[dict[str, Action]] = {}
EVENTS: Final[dict[str, Event]] = {}

P = TypeVar("P", bound=BaseModel)
A = TypeVar("A", bound=ServerPayload | EncodedPayload)
Handler = Callable[[Any, P], Awaitable[A]]


def action(
    name: str,
    *,
    role: Role,
    rate: Rate,
    conflicts: tuple[ConflictReason, ...] = (),
    forbids: bool = False,
    finds: bool = False,
    emits: tuple[Event, ...] = (),
) -> Callable[[Handler[P, A]], Handler[P, A]]:
    """Declare an action.

    ``conflicts``: the reasons that its ``conflict`` may carry. ``forbids``: it may answer ``forbidden``. ``finds``: it may
    answer ``not_found`` though it is for everybody; one that is not always may.
    """

    def declare(handler: Handler[P, A]) -> Handler[P, A]:
        if name in ACTIONS or name in RESERVED_NAMES:
            raise ValueError(f"the action name {name} is taken")
        hints = typing.get_type_hints(handler)
        ACTIONS[name] = Action(
            name=name,
            handler=handler,
            payload=hints["payload"],
            answer=_model_of(hints["return"]),
            role=role,
            rate=rate,
            errors=(
                *((ErrorCode.NOT_FOUND,) if finds or role is not Role.USER else ()),
                *((ErrorCode.FORBIDDEN,) if forbids else ()),
                *((ErrorCode.CONFLICT,) if conflicts else ()),
            ),
            conflicts=conflicts,
            emits=emits,
            description=inspect.getdoc(handler) or "",
        )
        return handler

    return declare


def _model_of(returned: Any) -> type[ServerPayload]:
    """The answer's model; ``EncodedPayload`` beside it says that a handler may have its JSON already."""
    models = [kind for kind in typing.get_args(returned) or (returned,) if kind is not EncodedPayload]
    (model,) = models
    return model  # type: ignore[no-any-return]  # what annotations hold has no type


def event(name: str, payload: type[ServerPayload], *, to: str) -> Event:
    """Declare an event; ``to`` says in words who gets it. The payload's docstring is the description."""
    if name in EVENTS:
        raise ValueError(f"the event name {name} is taken")
    EVENTS[name] = Event(name, payload, to, inspect.getdoc(payload) or "")
    return EVENTS[name]
