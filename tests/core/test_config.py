"""Configuration: each wrong value is one line, and each source overrides the one before."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.config import Config, load_config
from core.config_errors import ConfigurationError

type Configure = Callable[..., Config]

SECRET = "s3cret-that-must-not-be-shown"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("QUARTERDECK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configure:
    """Write settings into one source each and load them."""

    def load(
        *, toml: str = "", environment: dict[str, str] | None = None, secrets: dict[str, str] | None = None
    ) -> Config:
        if toml:
            file = tmp_path / "config.toml"
            file.write_text(toml)
            monkeypatch.setenv("QUARTERDECK_CONFIG", str(file))
        if secrets:
            folder = tmp_path / "secrets"
            folder.mkdir()
            for name, value in secrets.items():
                (folder / name).write_text(f"{value}\n")
            monkeypatch.setenv("QUARTERDECK_SECRETS_DIR", str(folder))
        for name, value in (environment or {}).items():
            monkeypatch.setenv(f"QUARTERDECK_{name}", value)
        return load_config()

    return load


def error_lines(load: Configure, **sources: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(**sources)
    return caught.value.lines


def test_what_is_coarser_is_kept_at_least_as_long(configure: Configure) -> None:
    environment = {"KEEP_RESULTS_HOURS": "96", "KEEP_FINE_ROLLUPS_DAYS": "3", "KEEP_HOURLY_ROLLUPS_DAYS": "200"}
    (line,) = error_lines(configure, environment=environment)
    assert line.startswith("QUARTERDECK_KEEP_FINE_ROLLUPS_DAYS: 3 days are not allowed; ")
    assert line.endswith("at least as long as QUARTERDECK_KEEP_RESULTS_HOURS")


def test_defaults_need_nothing(configure: Configure) -> None:
    config: Config = configure()

    assert (config.http_host, config.http_port) == ("127.0.0.1", 8000)
    assert config.data_dir == Path("var").absolute()
    assert config.probe_allow_cidrs == ()


def test_the_environment_overrides_the_file_and_a_secret_file_overrides_both(configure: Configure) -> None:
    config = configure(
        toml='http_port = 1111\nweb_threads = 3\nmetrics_token = "from-the-file"',
        environment={"HTTP_PORT": "2222", "METRICS_TOKEN": "from-the-environment"},
        secrets={"quarterdeck_metrics_token": "from-a-secret-file"},
    )

    assert (config.web_threads, config.http_port) == (3, 2222)
    assert config.metrics_token is not None
    assert config.metrics_token.get_secret_value() == "from-a-secret-file"


def test_the_file_is_found_below_the_xdg_folder(configure: Configure, tmp_path: Path) -> None:
    folder = tmp_path / "xdg" / "quarterdeck"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("http_port = 1234")

    assert configure().http_port == 1234


_TRACE_URL = "an http(s) address with {trace_id} in it, as https://traces.example.com/{trace_id}"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HTTP_PORT", "abc", "a whole number from 1 to 65535"),
        ("HTTP_PORT", "0", "a whole number from 1 to 65535"),
        ("HTTP_PORT", "", "a whole number from 1 to 65535"),
        ("DEBUG", "perhaps", "true or false"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("ALLOWED_HOSTS", "https://a.example", "host names separated by commas, without scheme or port"),
        ("TRUSTED_ORIGINS", "a.example", "origins such as https://status.example.com, separated by commas"),
        ("TRACE_URL", "https://traces.example.com/", _TRACE_URL),
        ("TRACE_URL", "javascript:alert({trace_id})", _TRACE_URL),
        ("DATA_DIR", "~nobody-by-that-name/x", "a folder that can be written, or created"),
        ("DATA_DIR", "", "a folder that can be written, or created"),
        ("PROBE_ALLOW_CIDRS", "127.0.0.1/8", "networks such as 127.0.0.0/8,::1/128, separated by commas; empty: none"),
    ],
)
def test_a_wrong_value_is_one_line_with_name_value_and_what_is_allowed(
    configure: Configure,
    name: str,
    value: str,
    expected: str,
) -> None:
    assert error_lines(configure, environment={name: value}) == [
        f"QUARTERDECK_{name}: {value!r} is not allowed; expected {expected}"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"mysql://u:{SECRET}@h/d"),
        ("DATABASE_URL", f"postgresql://u:{SECRET}@h:port/d"),
        ("DATABASE_URL", f"postgresql://u:{SECRET}@h"),
        ("REDIS_URL", f"http://:{SECRET}@h"),
        ("REDIS_URL", f"redis://:{SECRET}@h:port/0"),
        ("SECRET_KEY", SECRET),
        ("ADMIN_PASSWORD", "s3cret"),
        ("ADMIN_PASSWORD", "tab\tular-1843"),
        ("SENTRY_DSN", f"https://{SECRET}@h/none"),
    ],
)
def test_a_wrong_secret_is_never_shown(configure: Configure, name: str, value: str) -> None:
    [line] = error_lines(configure, environment={name: value})

    assert line.startswith(f"QUARTERDECK_{name}: the value is not allowed; expected ")
    assert "s3cret" not in line


def test_a_wrong_secret_file_is_told_with_its_own_value(configure: Configure) -> None:
    [line] = error_lines(configure, environment={"HTTP_PORT": "8001"}, secrets={"quarterdeck_http_port": "eighty"})

    assert line.startswith("QUARTERDECK_HTTP_PORT: 'eighty' is not allowed")


def test_every_wrong_setting_gets_its_line(configure: Configure) -> None:
    lines = error_lines(configure, environment={"HTTP_PORT": "x", "WEB_THREADS": "y"}, toml='log_level = "z"')

    assert [line.partition(":")[0] for line in sorted(lines)] == [
        "QUARTERDECK_HTTP_PORT", "QUARTERDECK_LOG_LEVEL", "QUARTERDECK_WEB_THREADS",
    ]  # fmt: skip


def test_a_misspelt_variable_is_refused_with_a_suggestion(configure: Configure) -> None:
    assert error_lines(configure, environment={"HTTP_PROT": "1"}) == [
        "QUARTERDECK_HTTP_PROT: no such setting; did you mean QUARTERDECK_HTTP_PORT?"
    ]


def test_what_is_not_close_is_not_suggested(configure: Configure) -> None:
    assert error_lines(configure, environment={"FOO": "1"}) == ["QUARTERDECK_FOO: no such setting"]


def test_an_unknown_variable_hides_no_wrong_value(configure: Configure) -> None:
    lines = error_lines(configure, environment={"FOO": "1", "HTTP_PORT": "x", "SECRETS_DIR": "/nowhere"})

    assert [line.partition(":")[0] for line in lines] == [
        "QUARTERDECK_SECRETS_DIR", "QUARTERDECK_FOO", "QUARTERDECK_HTTP_PORT",
    ]  # fmt: skip


def test_an_unknown_key_of_the_file_is_refused_with_a_suggestion(configure: Configure) -> None:
    assert error_lines(configure, toml="htp_port = 1") == [
        "htp_port in the configuration file: no such setting; did you mean http_port?"
    ]


def test_a_broken_file_is_one_line_with_the_place(configure: Configure) -> None:
    [line] = error_lines(configure, toml="http_port =")

    assert line.endswith("config.toml: is not valid TOML: Invalid value (at end of document)")


@pytest.mark.parametrize("name", ["CONFIG", "SECRETS_DIR"])
def test_a_named_place_must_exist(configure: Configure, name: str) -> None:
    [line] = error_lines(configure, environment={name: "/nowhere"})

    assert line.startswith(f"QUARTERDECK_{name}: '/nowhere' is not a ")


def test_an_empty_allowlist_denies_loopback(configure: Configure) -> None:
    assert (
        configure(environment={"PROBE_ALLOW_CIDRS": ""}, toml='probe_allow_cidrs = "127.0.0.0/8"').probe_allow_cidrs
        == ()
    )


SAFE = {
    "PRODUCTION": "true",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz",
    "METRICS_TOKEN": "long-enough",
    "ALLOWED_HOSTS": "status.example.com",
}


def test_a_command_beside_a_running_instance_reaches_what_it_reaches(configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "probe_allow_cidrs").write_text("127.0.0.0/8,::1/128")
    here = {"DATA_DIR": str(tmp_path)}

    assert [str(network) for network in configure(environment=here).probe_allow_cidrs] == ["127.0.0.0/8", "::1/128"]
    assert configure(environment={**here, "PROBE_ALLOW_CIDRS": ""}).probe_allow_cidrs == ()


def test_production_starts_with_safe_settings(configure: Configure) -> None:
    assert configure(environment=SAFE).production


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", None),
        ("SECRET_KEY", "a" * 40),
        ("SECRET_KEY", "django-insecure-0123456789abcdefghijklmnop"),
        ("METRICS_TOKEN", None),
        ("ALLOWED_HOSTS", None),
        ("ALLOWED_HOSTS", "*"),
        ("DEBUG", "true"),
    ],
)
def test_production_refuses_what_is_unsafe(configure: Configure, name: str, value: str | None) -> None:
    settings = {key: text for key, text in {**SAFE, name: value}.items() if text is not None}

    [line] = error_lines(configure, environment=settings)

    assert line.startswith(f"QUARTERDECK_{name}: ")
