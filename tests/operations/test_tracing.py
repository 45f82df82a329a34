"""Traces: off unless asked for; then one trace has an action, its statements and its deliveries."""

import sys
from collections.abc import AsyncIterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from core import tracing
from core.errors import StartupError
from core.settings import Settings
from tests.support.clients import ChatUsers
from tests.support.running import run_server


@pytest.fixture
async def spans(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[ChatUsers, InMemorySpanExporter]]:
    """People on a server that is traced, and the spans that ended so far."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with run_server(settings) as server:
        chat_users = ChatUsers(server.address)
        monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
        yield chat_users, exporter
        await chat_users.close()


def trace_of(exporter: InMemorySpanExporter, root: str) -> tuple[ReadableSpan, list[str]]:
    """The last span called ``root``, and the names of all spans in its trace."""
    ended = exporter.get_finished_spans()
    first = next(span for span in reversed(ended) if span.name == root)
    return first, [span.name for span in ended if span.context.trace_id == first.context.trace_id]


async def test_one_trace_has_the_action_its_statements_and_its_deliveries(
    spans: tuple[ChatUsers, InMemorySpanExporter],
) -> None:
    chat_users, exporter = spans
    anna, _, chat_id = await chat_users.pair()
    await anna.send("chat:rename", chat_id=await a_group(anna), title="Ours")
    await anna.say(chat_id, "hello")
    rename, renaming = trace_of(exporter, "chat:rename")
    assert rename.attributes is not None
    assert rename.attributes["molva.request_id"]
    assert "deliver" in renaming
    assert any(name.startswith(("chats.", "members.")) for name in renaming)
    _, sending = trace_of(exporter, "message:send")
    assert {"messages.send", "deliver"} <= set(sending)


async def a_group(client) -> str:
    return (await client.send("chat:create_group", title="Group"))["chat"]["id"]


async def test_trace_of_an_http_caller_goes_on(spans: tuple[ChatUsers, InMemorySpanExporter]) -> None:
    chat_users, exporter = spans
    person = await chat_users.register()
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {**person.headers, "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    answer = await chat_users.http.post("/v1/actions/chat:list", json={}, headers=headers)
    assert answer.status_code == 200
    span, names = trace_of(exporter, "chat:list")
    assert f"{span.context.trace_id:032x}" == trace_id
    assert "HTTP POST" in names


async def test_nothing_secret_is_in_a_trace(spans: tuple[ChatUsers, InMemorySpanExporter]) -> None:
    chat_users, exporter = spans
    anna, _, chat_id = await chat_users.pair()
    await anna.say(chat_id, "a secret of ours")
    told = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert told
    assert "a secret of ours" not in told
    assert anna.token not in told


def test_tracing_is_off_unless_asked_for() -> None:
    tracing.start_tracing("off")
    assert tracing.span("anything") is tracing.span("anything else")


def test_console_exporter_prints_spans(capsys: pytest.CaptureFixture[str]) -> None:
    tracing.start_tracing("console")
    with tracing.span("seen"):
        pass
    tracing.stop_tracing()
    assert '"name": "seen"' in capsys.readouterr().out


def test_tracing_without_its_libraries_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(StartupError, match="tracing"):
        tracing.start_tracing("otlp")
