"""Configuration: environment variables with the prefix ``MOLVA_``, read once, refused whole if anything is wrong.

A setting is documented here and nowhere else: ``make documents`` writes the descriptions into docs/configuration.md and
README.md, and ``molva --help`` reads them. ``production`` refuses whatever is only safe on a developer's machine. To add a
setting, follow docs/how-to/add-a-setting.md. Nothing else reads the environment but ``core.limits``, for bounds in schemas.
"""

import os
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from core.addresses import is_loopback
from core.development_secret import read_or_make
from core.errors import StartupError
from core.faults import in_words
from core.limit_settings import LimitSettings
from core.secret_files import read_secrets

SECRET_BYTES_MIN = 32
CONNECTIONS_PER_ADDRESS_MAX = 1000
"""In production, unless set: enough for an office behind one address, too few to fill a process."""

IMPORTANT: Final = (
    "environment", "host", "port", "data_dir", "database_url", "jwt_secret", "code_sender", "cors_origins",
    "trusted_proxies", "files_url",
)  # fmt: skip
"""The ten settings that README.md and ``molva --help`` show."""

_ANYTHING: Final = re.compile(".*", re.DOTALL)
_COUNTRY: Final = re.compile("[A-Z]{2}")
_TRACED: Final = re.compile(r"(user|chat):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST: Final = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:]*:[0-9a-f:.]*[0-9a-f:]")


def _split(value: object, change: Callable[[str], str], form: re.Pattern[str] = _ANYTHING, fault: str = "") -> object:
    """The parts between the commas of a text, each changed. ``ValueError`` with ``fault`` for one that has another form."""
    if isinstance(value, str):
        value = tuple(change(part.strip()) for part in value.split(",") if part.strip())
    if isinstance(value, tuple) and not all(form.fullmatch(str(part)) for part in value):
        raise ValueError(fault)
    return value


class Environment(StrEnum):
    """Where the process runs."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class Settings(LimitSettings):
    """Everything that can be set from outside."""

    model_config = SettingsConfigDict(
        env_prefix="MOLVA_", env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    environment: Environment = Field(
        Environment.DEVELOPMENT,
        description="`production` refuses to start with the secrets, code senders and CORS origins of development.",
    )
    docs: Literal["on", "off"] | None = Field(
        None, description="Whether `/docs`, `/openapi.json` and `/asyncapi.json` are served; absent: not in production."
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="A port of its own for `/metrics` and the probes, on the same HOST; `/metrics` is then not on the main "
        "port.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        description="In production, `/metrics` on the main port wants it as a Bearer token; absent: only callers on this "
        "machine get it.",
    )
    secrets_dir: Path | None = Field(
        None,
        description="A folder whose files stand for environment variables: a file `MOLVA_JWT_SECRET` holds its value. "
        "Folders in it are read, too. What is in the environment wins.",
    )
    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="The port to listen on. `0` picks a free port.")
    data_dir: Path = Field(
        Path("./var"), description="The folder of the embedded PostgreSQL, the local files and the development secret."
    )
    database_url: SecretStr | None = Field(
        None,
        description="URL of a PostgreSQL server (15 or newer), `postgresql://…`. Without it the embedded one is used.",
    )
    database_owner_url: SecretStr | None = Field(
        None,
        description="`postgresql://…` of the role that owns the tables: migrations use it, and the role of DATABASE_URL "
        "then needs rights on the tables alone. Absent: DATABASE_URL migrates too.",
    )
    database_pool_max: int = Field(20, ge=2, le=500, description="Maximum number of connections to PostgreSQL.")
    database_timeout_s: float = Field(10.0, gt=0, le=300, description="Seconds after which a statement is cancelled.")
    slow_statement_s: float = Field(0.2, gt=0, description="Seconds after which a statement is logged as slow.")
    bus_url: str | None = Field(
        None, description="URL of a bus between several nodes. This version runs as one node and does not start with it."
    )
    jwt_secret: SecretStr | None = Field(
        None,
        description="Secret that signs access tokens, at least 32 bytes. In development it may be absent: the server then "
        "generates one and keeps it in DATA_DIR.",
    )
    jwt_previous_secret: SecretStr | None = Field(
        None,
        description="The previous JWT_SECRET. Tokens signed with it stay valid. Remove it 15 minutes after the change.",
    )
    code_sender: Literal["console", "webhook"] = Field(
        "console",
        description="How one-time codes are sent. `console` writes them to the log (development only), `webhook` "
        "posts them to CODE_WEBHOOK_URL.",
    )
    code_webhook_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="URL to which `webhook` posts `{phone, code, expires_in}`. It must be `https://` in production.",
    )
    code_webhook_secret: SecretStr | None = Field(
        None, description="Secret that signs the body of the webhook (HMAC-SHA256, header `Molva-Signature`)."
    )
    phone_region: str = Field(
        "RU",
        pattern=r"^[A-Z]{2}$",
        description="Country of phone numbers that have no country code.",
    )
    phone_countries: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Countries whose phone numbers get codes (ISO 3166, separated by commas). Empty means all countries. "
        "Numbers of other countries get the same answer, but no code.",
    )
    codes_per_country_max: int = Field(
        1_000,
        ge=1,
        description="Codes to one country in an hour, after which its unregistered numbers wait; not in development.",
    )
    codes_per_day_max: int = Field(
        20_000,
        ge=1,
        description="Budget of codes for a day (UTC). At 80 and 100 % the log has a line `code budget`; at 100 % "
        "unregistered numbers wait for the next day, at 200 % all do. Not in development.",
    )
    challenge: Literal["off", "pow", "hcaptcha", "turnstile"] = Field(
        "off",
        description="What a client may solve in place of waiting when a cap on codes is reached: `pow` is a proof of work, "
        "built in; the others are services that need CHALLENGE_SITE_KEY and CHALLENGE_SECRET.",
    )
    challenge_site_key: str | None = Field(None, description="The public key of hCaptcha or Turnstile.")
    challenge_secret: SecretStr | None = Field(None, description="The secret of hCaptcha or Turnstile.")
    challenge_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="Where solutions of hCaptcha or Turnstile are verified; absent: at the service itself.",
    )
    test_numbers: Annotated[dict[str, str], NoDecode] = Field(
        {},
        repr=False,
        description="Phone numbers with a fixed code that is never sent, for example for app-store reviewers: "
        "`+79990000001:123456,…`.",
    )
    test_numbers_in_production: bool = Field(default=False, description="Whether TEST_NUMBERS is allowed in production.")
    files_url: str | None = Field(
        None,
        description="Where avatars and files are stored: a folder (default `DATA_DIR/files`) or `s3://bucket/prefix`. "
        "Object storage also reads the usual variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and "
        "AWS_ENDPOINT_URL.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins from which browsers may call the server, separated by commas. Empty means any origin, in "
        "development only.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names that the server accepts, without ports, separated by commas. `*.example.org` means every "
        "name below it. Empty means any name. Probes may always use an address.",
    )
    trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="Number of proxies in front of the server. The server trusts as many hops of X-Forwarded-For, counted "
        "from the right.",
    )
    long_polling: Literal["on", "off"] = Field(
        "on", description="Whether Socket.IO clients may use long-polling. With `off` only WebSocket works."
    )
    connections_per_address: int | None = Field(
        None,
        ge=1,
        description="Maximum number of connections of one network address at a time, Socket.IO and HTTP each. Without it: "
        "1000 in production, unlimited elsewhere.",
    )
    http_connections_max: int = Field(
        10_000,
        ge=1,
        description="HTTP connections of a process at a time, long-polling included and WebSockets not; one more is "
        "answered `unavailable`.",
    )
    rate_limits: Literal["on", "off"] = Field(
        "on", description="`off` switches rate limits off, for load tests. Not allowed in production."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The lowest level that is logged.")
    log_format: Literal["json", "text"] | None = Field(
        None, description="Format of the log: `json` (default on a pipe) or `text` (default on a terminal)."
    )

    log_trace: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="People and chats whose requests are logged stage by stage, whatever LOG_LEVEL is: "
        "`user:<id>,chat:<id>`. The level `debug` does so for everybody.",
    )
    log_sample: float = Field(1.0, ge=0, le=1, description="Share of the successful sends that have a log line.")
    tracing: Literal["off", "console", "otlp"] = Field(
        "off",
        description="OpenTelemetry traces. `otlp` sends them to OTEL_EXPORTER_OTLP_ENDPOINT, `console` prints them. Needs "
        "the extra `molva[tracing]`.",
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return _split(value, lambda origin: origin.rstrip("/"))

    @field_validator("log_trace", mode="before")
    @classmethod
    def _split_trace(cls, value: object) -> object:
        return _split(value, str.lower, _TRACED, "must be people and chats like user:<id>,chat:<id>")

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return _split(
            value, str.lower, _HOST, "must be host names without a port, like chat.example.org,*.chat.example.org"
        )

    @field_validator("phone_countries", mode="before")
    @classmethod
    def _split_countries(cls, value: object) -> object:
        return _split(value, str.upper, _COUNTRY, "must be two-letter country codes, like RU,KZ")

    @field_validator("test_numbers", mode="before")
    @classmethod
    def _split_test_numbers(cls, value: object) -> object:
        if isinstance(value, str):
            pairs = [pair.strip() for pair in value.split(",") if pair.strip()]
            if not all(re.fullmatch(r"\+[0-9]{7,15}:[0-9]{6}", pair) for pair in pairs):
                raise ValueError("must be phone numbers with their codes, like +79990000001:123456")
            return dict(pair.split(":") for pair in pairs)
        return value

    @field_validator("files_url")
    @classmethod
    def _refuse_foreign_storage(cls, value: str | None) -> str | None:
        if value is not None and "://" in value and not re.fullmatch(r"file:///\S+|s3://[a-z0-9.-]+(/\S*)?", value):
            raise ValueError("must be a folder, file:///folder or s3://bucket/prefix, without credentials in it")
        return value

    @field_validator("bus_url")
    @classmethod
    def _refuse_bus(cls, value: str | None) -> str | None:
        # Ignored, it would start nodes that do not hear of each other's changes.
        if value:
            raise ValueError("must be empty: this version runs as a single node")
        return value

    @field_validator("jwt_secret", "jwt_previous_secret", "code_webhook_secret")
    @classmethod
    def _refuse_short_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"must be at least {SECRET_BYTES_MIN} bytes long")
        return value

    @field_validator("database_url", "database_owner_url")
    @classmethod
    def _refuse_foreign_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @model_validator(mode="after")
    def _refuse_unsafe(self) -> "Settings":
        if self.code_sender == "webhook" and not (self.code_webhook_url and self.code_webhook_secret):
            raise ValueError("MOLVA_CODE_SENDER=webhook requires MOLVA_CODE_WEBHOOK_URL and MOLVA_CODE_WEBHOOK_SECRET")
        if self.challenge in {"hcaptcha", "turnstile"} and not (self.challenge_site_key and self.challenge_secret):
            raise ValueError(
                f"MOLVA_CHALLENGE={self.challenge} requires MOLVA_CHALLENGE_SITE_KEY and MOLVA_CHALLENGE_SECRET"
            )
        if self.rate_limits == "off" and self.environment is Environment.PRODUCTION:
            raise ValueError("MOLVA_RATE_LIMITS=off is not allowed in production: it is for load tests in development")
        if self.environment is Environment.PRODUCTION:
            self._refuse_development_defaults()
        return self

    def _refuse_development_defaults(self) -> None:
        if self.jwt_secret is None:
            raise ValueError("MOLVA_JWT_SECRET is required in production")
        if self.code_sender == "console":
            raise ValueError("MOLVA_CODE_SENDER=webhook is required in production: `console` prints the codes")
        if self.code_webhook_url is not None and not self.code_webhook_url.startswith("https://"):
            raise ValueError("MOLVA_CODE_WEBHOOK_URL must start with https:// in production: it carries numbers and codes")
        if not self.cors_origins or "*" in self.cors_origins:
            raise ValueError("MOLVA_CORS_ORIGINS is required in production: a list of origins without *")
        if self.test_numbers and not self.test_numbers_in_production:
            raise ValueError(
                "MOLVA_TEST_NUMBERS lets anyone who knows a number sign in: in production it requires "
                "MOLVA_TEST_NUMBERS_IN_PRODUCTION=true"
            )

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Who may call from a browser, over HTTP and sockets alike; ``("*",)``: anybody (development without a list)."""
        if self.environment is Environment.DEVELOPMENT and not self.cors_origins:
            return ("*",)
        return self.cors_origins

    @property
    def shows_docs(self) -> bool:
        """Whether the documents are served."""
        return self.docs == "on" if self.docs else self.environment is not Environment.PRODUCTION

    def doubts(self) -> list[str]:
        """What an operator probably did not mean, a sentence each. Said once in the log at the start."""
        found = []
        if self.environment is Environment.PRODUCTION and not self.phone_countries:
            found.append("MOLVA_PHONE_COUNTRIES is empty: codes are sent to the numbers of every country")
        if self.environment is Environment.DEVELOPMENT and not is_loopback(self.host):
            found.append(
                f"MOLVA_HOST={self.host} is not of this machine alone, and the environment development shows one-time "
                "codes to anybody who asks"
            )
        return found

    @property
    def files_place(self) -> str:
        """Where avatars and attachments are: a folder or a URL."""
        return self.files_url or str(self.data_dir / "files")

    def previous_signing_secret(self) -> bytes | None:
        """The secret whose tokens are still accepted, if there is one."""
        return self.jwt_previous_secret.get_secret_value().encode() if self.jwt_previous_secret else None

    @property
    def connections_per_address_max(self) -> int | None:
        """Connections of one network address at a time; ``None``: any number."""
        if self.connections_per_address is None and self.environment is Environment.PRODUCTION:
            return CONNECTIONS_PER_ADDRESS_MAX
        return self.connections_per_address

    @property
    def has_code_caps(self) -> bool:
        """Whether the caps on codes for addresses, networks, countries and in all hold. In development no code is sent."""
        return self.environment is not Environment.DEVELOPMENT and self.rate_limits == "on"

    @property
    def shows_codes(self) -> bool:
        """Whether answers hold the one-time code (development alone)."""
        return self.environment is Environment.DEVELOPMENT

    def signing_secret(self) -> bytes:
        """The secret that signs tokens and codes: the given one, or one made once in ``data_dir`` (mode 0600)."""
        if self.jwt_secret is not None:
            return self.jwt_secret.get_secret_value().encode()
        return read_or_make(self.data_dir / "development_secret", bytes_min=SECRET_BYTES_MIN)


def variable_of(name: str) -> str:
    """The environment variable of the setting ``name``."""
    return f"MOLVA_{name.upper()}"


def shown_default(name: str) -> str:
    """The default of the setting ``name`` as people read it; empty where there is none."""
    default = Settings.model_fields[name].default
    return "" if default in (None, (), {}) else f"./{default}" if isinstance(default, Path) else str(default)


def load_settings() -> Settings:
    """The settings of this process; ``StartupError`` with one sentence that names every fault."""
    if folder := os.environ.get(variable_of("secrets_dir")):
        read_secrets(Path(folder))
    try:
        return Settings()
    except ValidationError as error:
        raise StartupError("; ".join(_sentence(fault) for fault in error.errors()) + ".") from None


def _sentence(fault: Mapping[str, Any]) -> str:
    location, message = fault["loc"], in_words(fault)
    return f"{variable_of('_'.join(map(str, location)))} {message}" if location else message
