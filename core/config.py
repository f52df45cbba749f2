"""Typed configuration, validated once at start.

Order, the later wins: defaults, ``config.toml`` (``QUARTERDECK_CONFIG``, else ``quarterdeck/config.toml`` below the
XDG configuration folder), environment variables ``QUARTERDECK_*``, secret files (one file a setting, named as the
variable in lower case, in ``QUARTERDECK_SECRETS_DIR``, default ``/run/secrets``).
"""

import ipaddress
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import dj_database_url
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from core.config_errors import PREFIX, ConfigurationError, explain, unknown_variables, variable
from core.config_sources import LOCATORS, config_file, missing_locations, ordered_sources, secrets_dir
from core.data_dir import DataDir
from core.passwords import fault_of as password_fault

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _split(value: object) -> object:
    """Accept ``a,b`` from the environment and lists from TOML."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


type CommaSeparated[T] = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split)]

_HOST_PATTERN = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")


def allowed(text: str) -> dict[str, str]:
    """What a setting accepts, in words; used in error lines and in ``docs/configuration.md``."""
    return {"allowed": text}


class Config(BaseSettings):
    """Every setting of Quarterdeck. ``docs/configuration.md`` is held to this class by a test."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    production: bool = Field(default=False, description="Refuse to start with settings that are unsafe in production.")
    debug: bool = Field(
        default=False, description="Django's debug mode: tracebacks in the browser. Never in production."
    )
    data_dir: Path = Field(
        default=Path("var"),
        description="Folder for the embedded database, broker, logs and generated secrets.",
        json_schema_extra={**allowed("a folder that can be written, or created")},
    )
    http_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address that the web server listens on; `0.0.0.0` for all.",
        json_schema_extra={**allowed("an IP address, or a host name of this machine")},
    )
    http_port: int = Field(default=8000, ge=1, le=65535, description="Port that the web server listens on.")
    web_workers: int = Field(default=1, ge=1, le=64, description="Processes of the web server.")
    web_threads: int = Field(default=8, ge=1, le=256, description="Threads that serve requests, in each web process.")
    worker_concurrency: int = Field(
        default=4,
        ge=1,
        le=256,
        description="Processes of the Celery worker; checks, queues and breakers take turns in fewer than 4.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="Database; unset: SQLite in the data folder.",
        json_schema_extra={**allowed("postgresql://user:password@host:port/name or sqlite:///path")},
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Broker, Valkey or Redis; unset: the embedded Valkey.",
        json_schema_extra={**allowed("redis://host:port/0, rediss://host:port/0 or unix:///path")},
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Signs sessions and encrypts secrets; unset: generated into the data folder.",
        json_schema_extra={**allowed("at least 32 random characters")},
    )
    secret_key_fallbacks: CommaSeparated[SecretStr] = Field(
        default=(),
        description="Former secret keys: what they signed and encrypted stays readable.",
        json_schema_extra={**allowed("keys of at least 32 characters, separated by commas")},
    )
    allowed_hosts: CommaSeparated[str] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description="Host names that the web server answers to.",
        json_schema_extra={**allowed("host names separated by commas, without scheme or port")},
    )
    trusted_origins: CommaSeparated[str] = Field(
        default=(),
        description="Origins that may post forms, behind a proxy that ends TLS.",
        json_schema_extra={**allowed("origins such as https://status.example.com, separated by commas")},
    )
    https: bool = Field(default=False, description="Served over HTTPS: secure cookies and HSTS.")
    admin_password: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Password of the first user `admin`; unset: generated at the first start.",
        json_schema_extra={**allowed("8 to 4,096 characters that can be typed, not only blanks")},
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Bearer token for `/metrics` and `/sd/prometheus`; unset: loopback clients only.",
        json_schema_extra={**allowed("at least 8 characters")},
    )
    probe_allow_cidrs: CommaSeparated[Network] = Field(
        default=(),
        description="Networks that checks may reach although refused by default: loopback, the platform's own stores.",
        json_schema_extra={**allowed("networks such as 127.0.0.0/8,::1/128, separated by commas; empty: none")},
    )
    sqlite_queues_dir: Path | None = Field(
        default=None,
        description="Folder of the SQLite files that queues of the kind `sql` may read; unset: none.",
        json_schema_extra={**allowed("a folder")},
    )
    connectivity_target: str | None = Field(
        default=None,
        description="Who tells whether our own network works, asked when a check fails; unset: nobody.",
        json_schema_extra={**allowed("host:port of somebody who always answers, such as the gateway")},
    )
    connectivity_interval: int = Field(
        default=5, ge=1, le=10, description="Seconds for which what was found out about our own network is believed."
    )
    keep_results_hours: int = Field(
        default=48, ge=6, le=744, description="Hours for which every single result of a check is kept."
    )
    keep_fine_rollups_days: int = Field(
        default=7, ge=1, le=90, description="Days for which roll-ups of 5 minutes are kept."
    )
    keep_hourly_rollups_days: int = Field(
        default=400, ge=2, le=3650, description="Days for which roll-ups of an hour are kept."
    )
    keep_daily_rollups_days: int = Field(
        default=400, ge=91, le=3650, description="Days for which roll-ups of a day are kept."
    )
    trace_url: str | None = Field(
        default=None,
        description="Where a browser finds a trace; unset: trace ids are shown without a link.",
        json_schema_extra={
            **allowed("an http(s) address with {trace_id} in it, as https://traces.example.com/{trace_id}")
        },
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log event that is written."
    )
    sentry_dsn: SecretStr | None = Field(
        default=None,
        description="Where the platform reports its own errors; unset: nowhere.",
        json_schema_extra={**allowed("https://key@host/number")},
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if value == Path():
            raise ValueError("expected a folder of its own, not the current one")
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError("unknown home folder") from error

    @field_validator("admin_password")
    @classmethod
    def _can_be_typed(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and password_fault(value.get_secret_value()):
            raise ValueError("cannot be typed")
        return value

    @field_validator("secret_key_fallbacks")
    @classmethod
    def _long_enough(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key) < 32 for key in value):
            raise ValueError("too short")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            url = value.get_secret_value()
            if not url.startswith(("postgresql://", "postgres://", "sqlite:///")):
                raise ValueError("unknown scheme")
            if not dj_database_url.parse(url)["NAME"]:
                raise ValueError("no database named")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            url = urlsplit(value.get_secret_value())
            if url.scheme not in {"redis", "rediss", "unix"} or not (
                url.path if url.scheme == "unix" else url.hostname
            ):
                raise ValueError("unknown scheme or no host")
            _ = url.port  # raises for a port that is no number
        return value

    @field_validator("trace_url")
    @classmethod
    def _web_address_of_a_trace(cls, value: str | None) -> str | None:
        if value is not None:
            url = urlsplit(value)
            if url.scheme not in {"http", "https"} or not url.hostname or "{trace_id}" not in value:
                raise ValueError("not a web address with {trace_id} in it")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(_HOST_PATTERN.fullmatch(host) for host in value):
            raise ValueError("not host names")
        return value

    @field_validator("trusted_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            url = urlsplit(origin)
            if url.scheme not in {"http", "https"} or not url.hostname or url.path or url.query:
                raise ValueError("not origins")
        return value

    @field_validator("connectivity_target")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None:
            host, _, port = value.rpartition(":")
            if not _HOST_PATTERN.fullmatch(host) or not port.isdigit() or not 1 <= int(port) <= 65535:
                raise ValueError("not a host and a port")
        return value

    @field_validator("sentry_dsn")
    @classmethod
    def _dsn(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            url = urlsplit(value.get_secret_value())
            if url.scheme not in {"http", "https"} or not url.username or not url.path.rsplit("/", 1)[-1].isdigit():
                raise ValueError("not a DSN")
        return value

    @model_validator(mode="after")
    def _horizons_in_order(self) -> "Config":
        """Each roll-up is made from the next finer one, and read where that one is gone."""
        horizons = [
            ("keep_results_hours", self.keep_results_hours),
            ("keep_fine_rollups_days", self.keep_fine_rollups_days * 24),
            ("keep_hourly_rollups_days", self.keep_hourly_rollups_days * 24),
            ("keep_daily_rollups_days", self.keep_daily_rollups_days * 24),
        ]
        wrong = [
            f"{variable(longer)}: {coarse // 24} days are not allowed; expected at least as long as {variable(shorter)}"
            for (shorter, fine), (longer, coarse) in pairwise(horizons)
            if coarse < fine
        ]
        if wrong:
            raise PydanticCustomError("horizons_out_of_order", "{lines}", {"lines": "\n".join(wrong)})
        return self

    @model_validator(mode="after")
    def _safe_in_production(self) -> "Config":
        if self.production and (wrong := self._unsafe_settings()):
            raise PydanticCustomError("unsafe_in_production", "{lines}", {"lines": "\n".join(wrong)})
        return self

    def _unsafe_settings(self) -> list[str]:
        key = self.secret_key.get_secret_value() if self.secret_key else ""
        rules = (
            (not key, "QUARTERDECK_SECRET_KEY: must be set in production; expected at least 32 random characters"),
            (
                bool(key) and (len(set(key)) < 8 or key.startswith("django-insecure")),
                "QUARTERDECK_SECRET_KEY: can be guessed; expected at least 32 random characters in production",
            ),
            (self.debug, "QUARTERDECK_DEBUG: True is not allowed in production; expected false"),
            (
                self.metrics_token is None,
                "QUARTERDECK_METRICS_TOKEN: must be set in production; expected at least 8 characters",
            ),
            (
                "allowed_hosts" not in self.model_fields_set or "*" in self.allowed_hosts,
                "QUARTERDECK_ALLOWED_HOSTS: must name the hosts in production; expected names and no *",
            ),
        )
        return [line for unsafe, line in rules if unsafe]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - ours knows its folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return ordered_sources(settings_cls, init_settings, env_settings)


def load_config() -> Config:
    """Read and validate all sources.

    Raises ``ConfigurationError`` with one line per wrong setting.
    """
    known = {variable(field) for field in Config.model_fields} | set(LOCATORS)
    wrong = [*missing_locations(), *unknown_variables(known)]
    config = None
    try:
        config = Config()
    except ValidationError as error:
        fields = Config.model_fields
        given = {tuple(item["loc"][:1]): item for item in error.errors()}.values()
        wrong += [line for item in given for line in explain(item, fields)]
    except OSError as error:
        wrong.append(f"{error.filename or secrets_dir()}: cannot be read: {error.strerror}")
    except ValueError as error:
        wrong.append(f"{config_file()}: is not valid TOML: {error}")
    if config is None or wrong:
        raise ConfigurationError(wrong)
    return _as_served(config)


def _as_served(config: Config) -> Config:
    """A command typed beside a running instance judges the targets of checks as that instance does."""
    served = DataDir(config.data_dir).served_networks
    if "probe_allow_cidrs" in config.model_fields_set or not served.is_file():
        return config
    networks = tuple(ipaddress.ip_network(part) for part in served.read_text().split(",") if part)
    return config.model_copy(update={"probe_allow_cidrs": networks})


@cache
def get_config() -> Config:
    """The configuration of this process."""
    return load_config()
