"""Typed configuration, validated once at start.

Order, the later wins: defaults, ``config.toml`` (``QUARTERDECK_CONFIG``, else ``quarterdeck/config.toml`` below the
XDG configuration folder), environment variables ``QUARTERDECK_*``, secret files (one file a setting, named as the
variable in lower case, in ``QUARTERDECK_SECRETS_DIR``, default ``/run/secrets``).
"""

import difflib
import ipaddress
import os
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "QUARTERDECK_"
LOCATORS = ("QUARTERDECK_CONFIG", "QUARTERDECK_SECRETS_DIR")
"""Variables that say where the other sources are; they are not settings themselves."""

type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigurationError(Exception):
    """A setting is wrong. Each line names the setting, its value unless secret, and what is allowed."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _split(value: object) -> object:
    """Accept ``a,b`` from the environment and lists from TOML."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


type CommaSeparated[T] = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split)]


class Config(BaseSettings):
    """Every setting of Quarterdeck. ``docs/configuration.md`` is held to this class by a test."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    production: bool = Field(default=False, description="Refuse to start with settings that are unsafe in production.")
    debug: bool = Field(
        default=False, description="Django's debug mode: tracebacks in the browser. Never in production."
    )
    data_dir: Path = Field(
        default=Path("var"), description="Folder for the embedded database, broker, logs and generated secrets."
    )
    http_host: str = Field(default="127.0.0.1", description="Address that the web server listens on.")
    http_port: int = Field(default=8000, ge=1, le=65535, description="Port that the web server listens on.")
    web_workers: int = Field(default=1, ge=1, le=64, description="Processes of the web server.")
    web_threads: int = Field(default=8, ge=1, le=256, description="Threads that serve requests, in each web process.")
    worker_concurrency: int = Field(default=2, ge=1, le=256, description="Processes of the Celery worker.")
    database_url: SecretStr | None = Field(
        default=None, description="`postgresql://user:password@host:port/name`; unset: SQLite in the data folder."
    )
    redis_url: SecretStr | None = Field(
        default=None, description="`redis://` or `rediss://` URL of the broker; unset: the embedded Valkey."
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Signs sessions; at least 32 characters; unset: generated into the data folder.",
    )
    allowed_hosts: CommaSeparated[str] = Field(
        default=("localhost", "127.0.0.1", "[::1]"), description="Host names that the web server answers to."
    )
    trusted_origins: CommaSeparated[str] = Field(
        default=(),
        description="Origins such as `https://status.example.com` that may post forms, behind a proxy that ends TLS.",
    )
    https: bool = Field(default=False, description="Served over HTTPS: secure cookies and HSTS.")
    admin_password: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Password of the first user `admin`; unset: generated at the first start.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=8,
        description="Bearer token for `/metrics` and `/sd/prometheus`; unset: loopback clients only.",
    )
    probe_allow_cidrs: CommaSeparated[Network] = Field(
        default=(),
        description="Networks that checks may reach although refused by default: loopback, the platform's own stores.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log event that is written."
    )
    sentry_dsn: SecretStr | None = Field(
        default=None, description="Where the platform reports its own errors; unset: nowhere."
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("postgresql://", "postgres://", "sqlite:///")
        ):
            raise ValueError("expected postgresql://user:password@host:port/name or sqlite:///path")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("expected redis://host:port/0, rediss://host:port/0 or unix:///path")
        return value

    @model_validator(mode="after")
    def _safe_in_production(self) -> "Config":
        if not self.production:
            return self
        wrong = [
            message
            for unsafe, message in (
                (self.secret_key is None, "QUARTERDECK_SECRET_KEY must be set in production"),
                (self.debug, "QUARTERDECK_DEBUG must be off in production"),
                (self.metrics_token is None, "QUARTERDECK_METRICS_TOKEN must be set in production"),
                (
                    "allowed_hosts" not in self.model_fields_set or "*" in self.allowed_hosts,
                    "QUARTERDECK_ALLOWED_HOSTS must name the hosts in production",
                ),
            )
            if unsafe
        ]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - ours knows its folder
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        secrets = Path(os.environ.get("QUARTERDECK_SECRETS_DIR", "/run/secrets"))
        sources = [init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=config_file())]
        if secrets.is_dir():
            sources.insert(1, SecretsSettingsSource(settings_cls, secrets_dir=secrets))
        return tuple(sources)


def config_file() -> Path:
    named = os.environ.get("QUARTERDECK_CONFIG")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "quarterdeck" / "config.toml"


def variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def _unknown_variables() -> list[str]:
    known = {variable(field) for field in Config.model_fields} | set(LOCATORS)
    lines = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            lines.append(f"{name}: no such setting{hint}")
    return lines


def _explain(error: dict[str, Any]) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    field = str(error["loc"][0])
    message = str(error["msg"]).removeprefix("Value error, ")
    info = Config.model_fields.get(field)
    if info is None:
        return f"{field} in {config_file()}: no such setting"
    secret = "SecretStr" in str(info.annotation)
    value = "" if secret else f" (given {error['input']!r})"
    return f"{variable(field)}: {message}{value}"


def load_config() -> Config:
    """Read and validate all sources.

    Raises ``ConfigurationError`` with one line per wrong setting.
    """
    named = os.environ.get("QUARTERDECK_CONFIG")
    if named and not Path(named).is_file():
        raise ConfigurationError([f"QUARTERDECK_CONFIG: no such file (given {named!r})"])
    if unknown := _unknown_variables():
        raise ConfigurationError(unknown)
    try:
        return Config()
    except ValidationError as error:
        raise ConfigurationError([_explain(dict(item)) for item in error.errors()]) from None
    except ValueError as error:
        raise ConfigurationError([f"{config_file()}: {error}"]) from None


@cache
def get_config() -> Config:
    """The configuration of this process."""
    return load_config()
