"""Composition root: settings → database → delivery → /chat → HTTP → one ASGI application, served on one port.

What must stay true: nothing listens before the database is migrated; what was received is answered before the process
ends; a start that fails says why in one sentence.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
import uvloop

import realtime.actions  # noqa: F401  (declares every action)
from accounts.daily_budgets import budgets_of
from accounts.network_bans import NetworkBans
from core import limits
from core.errors import StartupError
from core.file_urls import FileUrls
from core.garbage_collector import tune_collector
from core.limit_settings import shown_to_clients
from core.log_stages import follow
from core.logs import configure_logs
from core.loop_lag import watch_loop_lag
from core.rates import RateLimits
from core.settings import Settings
from core.tokens import AccessTokens
from core.tracing import start_tracing, stop_tracing
from db.embedded import EmbeddedPostgres, running_url
from db.migrate import migrate
from db.pool import Database
from db.roles import make_embedded_role, prepare_application_role
from http_api.app import create_app
from http_api.connection_caps import ConnectionCaps
from http_api.http_protocol import HttpProtocol
from http_api.http_server import HttpServer, OperationsServer
from http_api.routes.health import create_operations_app
from maintenance.scheduler import background_jobs, run_forever
from realtime.announcements import Announcements
from realtime.delivery.fanout import Fanout
from realtime.delivery.hub import Hub
from realtime.delivery.order import TurnQueue
from realtime.epoch import EpochWatch
from realtime.messages.send_queue import SendQueue
from realtime.model.sender_profiles import SenderProfiles
from realtime.namespace import NO_NAMESPACE, ChatNamespace, encode
from realtime.presence.tracker import PresenceTracker
from realtime.repair import Repairs
from realtime.transport.options import TransportOptions
from realtime.transport.socketio.server import SocketServer, with_sockets
from realtime.wire.changes import Changes
from realtime.wire.context import Services
from realtime.wire.dispatch import Dispatcher
from realtime.wire.effects import SessionEnded
from storage.objects import Objects
from storage.workers import ImageWorkers

log = logging.getLogger("molva")

_GRACE_S: Final = 5


@dataclass(frozen=True, slots=True)
class Molva:
    """The composed application."""

    app: Any
    database: Database
    sockets: SocketServer
    services: Services
    objects: Objects
    connection_caps: ConnectionCaps
    operations_app: Any
    """The probes and the metrics, for a port of their own."""


@dataclass(frozen=True, slots=True)
class _Chat:
    """What carries the chat: who is online, how changes are ordered and delivered, what runs the actions."""

    fanout: Fanout
    turns: TurnQueue
    epoch: EpochWatch
    services: Services
    dispatcher: Dispatcher
    rates: RateLimits | None
    presence: PresenceTracker
    network_bans: NetworkBans
    announcements: Announcements
    namespace: ChatNamespace

    async def close(self) -> None:
        """Stop what works in the background."""
        await self.presence.close()
        await self.epoch.close()
        await self.turns.close()


async def _compose_chat(settings: Settings, database: Database, tokens: AccessTokens) -> _Chat:
    hub = Hub()
    file_urls = FileUrls(settings.signing_secret(), previous=settings.previous_signing_secret())
    fanout = Fanout(hub, encode, file_urls)
    turns = TurnQueue(Repairs(database, hub, fanout).repair)
    epoch = EpochWatch(database)
    profiles = SenderProfiles()
    fanout.replace_profile = profiles.replace
    has_limits = settings.rate_limits == "on"
    services = Services(
        database=database,
        changes=Changes(database, turns, fanout),
        delivery=fanout,
        online=hub,
        epoch=epoch,
        sends=SendQueue(database, turns, fanout, profiles),
        tokens=tokens,
        file_urls=file_urls,
        phone_region=settings.phone_region,
        limits_look_ups=has_limits,
        budgets=budgets_of(settings),
    )
    rates = RateLimits() if has_limits else None
    dispatcher = Dispatcher(services, rates, timeout_s=settings.database_timeout_s, log_sample=settings.log_sample)
    presence = PresenceTracker(database, fanout, hub)
    network_bans, announcements = NetworkBans(), Announcements(fanout)
    await announcements.load(database)
    namespace = ChatNamespace(
        database=database,
        tokens=tokens,
        hub=hub,
        dispatcher=dispatcher,
        presence=presence,
        connections_max=settings.connections_per_user,
        limits=shown_to_clients(settings),
        epoch=epoch,
        network_bans=network_bans,
        announcements=announcements,
    )
    network_bans.on_change = namespace.end_banned
    await network_bans.load(database)
    fanout.end_session = namespace.end_session
    fanout.end_connection = namespace.end_connection
    await epoch.start(namespace.begin_afresh)
    return _Chat(fanout, turns, epoch, services, dispatcher, rates, presence, network_bans, announcements, namespace)


@asynccontextmanager
async def compose(settings: Settings, database_url: str) -> AsyncIterator[Molva]:
    """Everything wired on a migrated database; closed in reverse order at the end."""
    objects, images = Objects(settings.files_place), ImageWorkers()
    database = Database(
        database_url,
        pool_max=settings.database_pool_max,
        timeout_s=settings.database_timeout_s,
        slow_s=settings.slow_statement_s,
    )
    await database.connect()
    tokens = AccessTokens(settings.signing_secret(), previous=settings.previous_signing_secret())
    chat = await _compose_chat(settings, database, tokens)

    async def announce_session_end(session_id: str, reason: str) -> None:
        chat.fanout.deliver([SessionEnded(session_id, reason)])

    sockets = SocketServer(_transport_options(settings), no_namespace=NO_NAMESPACE)
    sockets.register_namespace(chat.namespace)
    api = create_app(
        settings=settings,
        database=database,
        tokens=tokens,
        dispatcher=chat.dispatcher,
        on_session_ended=announce_session_end,
        is_draining=lambda: sockets.eio.is_draining,
        services=chat.services,
        objects=objects,
        images=images,
        network_bans=chat.network_bans,
        announcements=chat.announcements,
        rates=chat.rates,
    )
    maintenance = asyncio.create_task(run_forever(background_jobs(chat.services, objects)))
    lag_watch = asyncio.create_task(watch_loop_lag())
    try:
        caps, operations = _connection_caps(settings), create_operations_app(api)
        yield Molva(with_sockets(sockets, api), database, sockets, chat.services, objects, caps, operations)
    finally:
        maintenance.cancel()
        lag_watch.cancel()
        await sockets.shutdown()
        await sockets.settle()
        await chat.close()
        await images.close()
        await objects.close()
        await database.disconnect()


def _transport_options(settings: Settings) -> TransportOptions:
    return TransportOptions(
        packet_bytes_max=limits.PACKET_BYTES_MAX,
        allows_polling=settings.long_polling == "on",
        origins=None if settings.allowed_origins == ("*",) else settings.allowed_origins,
        hosts=settings.allowed_hosts,
        trusted_proxies=settings.trusted_proxies,
        connections_per_address_max=settings.connections_per_address_max,
    )


def _connection_caps(settings: Settings) -> ConnectionCaps:
    return ConnectionCaps(
        per_address_max=settings.connections_per_address_max,
        total_max=settings.http_connections_max,
        trusted_proxies=settings.trusted_proxies,
    )


@contextmanager
def database_url_of(settings: Settings, *, beside_server: bool = False) -> Iterator[str]:
    """The URL to use: the configured server's, or that of the embedded one, which runs meanwhile.

    ``beside_server``: another process may run the embedded one already; then its URL.
    """
    running = running_url(settings.data_dir) if beside_server and settings.database_url is None else None
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
    elif running is not None:
        yield running
    else:
        with EmbeddedPostgres(settings.data_dir) as url:
            yield url


@asynccontextmanager
async def _serving_operations(molva: Molva, listener: socket.socket | None) -> AsyncIterator[None]:
    """Answer probes and metrics on ``listener``, if there is one, while inside."""
    if listener is None:
        yield
        return
    config = uvicorn.Config(
        molva.operations_app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        http=HttpProtocol,
        ws="none",
        timeout_graceful_shutdown=1,
    )
    operations = OperationsServer(config)
    serving = asyncio.create_task(operations.serve(sockets=[listener]))
    try:
        yield
    finally:
        operations.should_exit = True
        await serving


def bind(settings: Settings, *, port: int | None = None) -> socket.socket:
    """The listening socket, on the main port unless given; ``StartupError`` when the address is taken or not ours."""
    port = settings.port if port is None else port
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, port))
    except OSError as error:
        raise StartupError(
            f"Cannot listen on {settings.host}:{port}: {error.strerror or error}. Set MOLVA_HOST or "
            f"{'MOLVA_PORT' if port == settings.port else 'MOLVA_METRICS_PORT'}."
        ) from None
    return listener


def serve(settings: Settings) -> None:
    """Serve in the foreground until SIGINT or SIGTERM."""
    configure_logs(level=settings.log_level, log_format=settings.log_format)
    follow(settings.log_trace, level=settings.log_level)
    settings.signing_secret()
    for doubt in settings.doubts():
        log.warning(doubt)
    with (
        contextlib.closing(bind(settings)) as listener,
        _bind_operations(settings) as operations_listener,
        database_url_of(settings) as database_url,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, database_url, listener, operations_listener))


@contextmanager
def _bind_operations(settings: Settings) -> Iterator[socket.socket | None]:
    if settings.metrics_port is None:
        yield None
    else:
        with contextlib.closing(bind(settings, port=settings.metrics_port)) as listener:
            yield listener


async def _serve(
    settings: Settings, database_url: str, listener: socket.socket, operations_listener: socket.socket | None
) -> None:
    start_tracing(settings.tracing)
    applied, database_url = await migrate_as_owner(settings, database_url)
    async with compose(settings, database_url) as molva:
        server = http_server(molva, listener, shows_docs=settings.shows_docs)
        tune_collector()
        log.info("starting", extra={"address": server.address, "migrations": len(applied)})
        async with _serving_operations(molva, operations_listener):
            with server.stopped_by_signals():
                await server.serve(sockets=[listener])
    stop_tracing()
    log.info("stopped")


async def migrate_as_owner(settings: Settings, database_url: str) -> tuple[list[str], str]:
    """Migrate as the owner of the tables; what was applied, and the URL that the application uses afterwards.

    The embedded PostgreSQL has a role for the application. So has another server if the owner's URL is set.
    """
    if settings.database_url is None:
        return await migrate(database_url), await make_embedded_role(database_url)
    if settings.database_owner_url is None:
        return await migrate(database_url), database_url
    owner_url = settings.database_owner_url.get_secret_value()
    applied = await migrate(owner_url)
    await prepare_application_role(owner_url, database_url)
    return applied, database_url


def http_server(molva: Molva, listener: socket.socket, *, shows_docs: bool = True) -> HttpServer:
    """uvicorn for the composed application."""
    config = uvicorn.Config(
        molva.app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        http=HttpProtocol.with_caps(molva.connection_caps),
        ws=molva.sockets.eio.websocket_class,  # type: ignore[arg-type]  # uvicorn calls whatever makes a protocol
        timeout_graceful_shutdown=_GRACE_S,
    )
    host, port = listener.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return HttpServer(config, address, molva.sockets.drain, shows_docs=shows_docs)
