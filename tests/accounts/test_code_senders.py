"""How codes leave: signed, again after a failure, within a bound, and in no log."""

import asyncio
import hmac

import httpx
import orjson
import pytest

from accounts import code_senders
from accounts.code_senders import ConsoleSender, SilentSender, WebhookSender, code_sender_for
from core.errors import Unavailable
from core.settings import Environment, Settings

PHONE, CODE, SECRET = "+79161234567", "042137", b"a secret of the tests, 32 bytes or more"


class Receiver:
    """The operator's end: answers in turn, keeps what came."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def sender(self) -> WebhookSender:
        transport = httpx.MockTransport(self._answer)
        return WebhookSender("https://sms.example/codes", SECRET, backoff_s=(0, 0), transport=transport)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)


async def test_webhook_gets_the_code_signed():
    receiver = Receiver(204)
    await receiver.sender().send(PHONE, CODE, 300)
    (request,) = receiver.requests
    assert (request.method, str(request.url)) == ("POST", "https://sms.example/codes")
    assert orjson.loads(request.content) == {"phone": PHONE, "code": CODE, "expires_in": 300}
    time_part, signature = request.headers["Molva-Signature"].split(",")
    signed = time_part.removeprefix("t=").encode() + b"." + request.content
    assert signature == "v1=" + hmac.new(SECRET, signed, "sha256").hexdigest()


@pytest.mark.parametrize("failure", [500, 503, 429, 408, httpx.ConnectError("away"), httpx.ReadTimeout("slow")])
async def test_failed_post_is_repeated_under_the_same_key(failure):
    receiver = Receiver(failure, failure, 200)
    await receiver.sender().send(PHONE, CODE, 300)
    assert len(receiver.requests) == 3
    assert len({request.headers["Idempotency-Key"] for request in receiver.requests}) == 1


async def test_post_is_not_repeated_for_ever():
    receiver = Receiver(500, 500, 500)
    with pytest.raises(Unavailable):
        await receiver.sender().send(PHONE, CODE, 300)
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422])
async def test_refused_post_is_not_repeated(status):
    receiver = Receiver(status)
    with pytest.raises(Unavailable):
        await receiver.sender().send(PHONE, CODE, 300)
    assert len(receiver.requests) == 1


async def test_webhook_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(code_senders, "TOTAL_TIMEOUT_S", 0.05)

    async def wait_for_ever(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    sender = WebhookSender("https://sms.example/codes", SECRET, transport=httpx.MockTransport(wait_for_ever))
    with pytest.raises(Unavailable):
        await sender.send(PHONE, CODE, 300)


async def test_log_has_neither_code_nor_number_nor_address(caplog):
    caplog.set_level("INFO")
    with pytest.raises(Unavailable):
        await Receiver(500, httpx.ConnectError("away"), 400).sender().send(PHONE, CODE, 300)
    lines = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("molva"))
    assert "code webhook" in lines
    assert CODE not in lines
    assert PHONE not in lines


async def test_console_shows_the_code_outside_of_the_log(capsys, caplog):
    caplog.set_level("DEBUG")
    await ConsoleSender().send(PHONE, CODE, 300)
    assert CODE in capsys.readouterr().out
    assert not caplog.records


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (Settings(), ConsoleSender),
        (Settings(environment=Environment.TEST), SilentSender),
        (
            Settings(
                code_sender="webhook",
                code_webhook_url="https://sms.example/codes",
                code_webhook_secret=SECRET.decode(),
            ),
            WebhookSender,
        ),
    ],
)
def test_settings_name_the_sender(settings, kind):
    assert type(code_sender_for(settings)) is kind
