"""Where configuration comes from: the TOML file and the folder of secret files, and the variables that name them."""

import os
from pathlib import Path

from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    TomlConfigSettingsSource,
)

DEFAULT_SECRETS_DIR = "/run/secrets"
LOCATORS = {
    "QUARTERDECK_CONFIG": "Path of the TOML file; unset: `quarterdeck/config.toml` below `$XDG_CONFIG_HOME`.",
    "QUARTERDECK_SECRETS_DIR": f"Folder of the secret files; unset: `{DEFAULT_SECRETS_DIR}`.",
}
"""Variables that say where the other sources are; they are not settings themselves."""


def config_file() -> Path:
    named = os.environ.get("QUARTERDECK_CONFIG")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path("~").expanduser() / ".config")
    return Path(base) / "quarterdeck" / "config.toml"


def secrets_dir() -> Path:
    return Path(os.environ.get("QUARTERDECK_SECRETS_DIR") or DEFAULT_SECRETS_DIR)


def missing_locations() -> list[str]:
    """A line for each place that somebody named and that is not there; the default ones need not exist."""
    wrong = []
    if "QUARTERDECK_CONFIG" in os.environ and not config_file().is_file():
        wrong.append(f"QUARTERDECK_CONFIG: {os.environ['QUARTERDECK_CONFIG']!r} is not a file; expected a TOML file")
    if "QUARTERDECK_SECRETS_DIR" in os.environ and not secrets_dir().is_dir():
        given = os.environ["QUARTERDECK_SECRETS_DIR"]
        wrong.append(f"QUARTERDECK_SECRETS_DIR: {given!r} is not a folder; expected a folder of secret files")
    return wrong


def ordered_sources(
    settings: type[BaseSettings], given: PydanticBaseSettingsSource, environment: PydanticBaseSettingsSource
) -> tuple[PydanticBaseSettingsSource, ...]:
    """The sources of the settings, the strongest first."""
    sources = [given, environment]
    if secrets_dir().is_dir():
        sources.insert(1, SecretsSettingsSource(settings, secrets_dir=secrets_dir()))
    if config_file().is_file():
        sources.append(TomlConfigSettingsSource(settings, toml_file=config_file()))
    return tuple(sources)
