"""Django's settings, all derived from the typed configuration."""

import secrets
import sys
from pathlib import Path
from typing import cast
from urllib.parse import quote

import dj_database_url
from django.utils.csp import CSP

from core.config import Config, get_config
from core.config_errors import ConfigurationError
from core.data_dir import DataDir
from core.postgresql import STATEMENT_TIMEOUT_MS, BoundedConnection
from core.telemetry.logging import configure_logging

try:
    config = get_config()
except ConfigurationError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = DataDir(config.data_dir)


def _secret_key(config: Config) -> str:
    if config.secret_key is not None:
        return config.secret_key.get_secret_value()
    file = DATA_DIR.secret_key
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            draft = file.with_suffix(f".{secrets.token_hex(4)}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            # The first of several starting processes wins; the others read its key.
            try:
                file.hardlink_to(draft)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return file.read_text()
    except OSError as error:
        sys.stderr.write(f"QUARTERDECK_DATA_DIR: cannot write {config.data_dir}: {error.strerror}\n")
        sys.exit(2)


SECRET_KEY = _secret_key(config)
SECRET_KEY_FALLBACKS = [key.get_secret_value() for key in config.secret_key_fallbacks]
DEBUG = config.debug
ALLOWED_HOSTS = list(config.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(config.trusted_origins)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "ninja",
    "core",
    "entities",
    "ops",
]

MIDDLEWARE = [
    "core.middleware.RequestMiddleware",
    "core.middleware.PageCompressionMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "core.middleware.BodyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.middleware.AccessMiddleware",
]

ROOT_URLCONF = "core.urls"
WSGI_APPLICATION = "core.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ops.dashboard.frame.frame_context",
            ],
        },
    }
]


def _database(config: Config) -> dict[str, object]:
    if config.database_url is None:
        database: dict[str, object] = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR.sqlite)}
    else:
        database = dict(dj_database_url.parse(config.database_url.get_secret_value()))
    given = cast("dict[str, object]", database.get("OPTIONS", {}))
    if "postgresql" in str(database["ENGINE"]):
        limits = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout=3000 -c timezone=UTC"
        database["OPTIONS"] = {
            "connect_timeout": 3,
            "tcp_user_timeout": STATEMENT_TIMEOUT_MS,
            **given,
            "options": f"{given.get('options', '')} {limits}".strip(),
            "pool": {
                "connection_class": BoundedConnection,
                "min_size": 1,
                "max_size": max(4, config.web_threads),
                "timeout": 3,
            },
        }
    else:
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": STATEMENT_TIMEOUT_MS / 1000,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000;",
        }
        database["CONN_MAX_AGE"] = None
        database["TEST"] = {"NAME": str(config.data_dir / "test.sqlite3")}  # a file, locked as the real one is
    return database


DATABASES = {"default": _database(config)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = config.redis_url.get_secret_value() if config.redis_url else f"unix://{quote(str(DATA_DIR.broker_socket))}"

TRACE_URL = config.trace_url

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "core.formats"  # the settings of formats lose against those of the language

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = [
    # As hard to guess as the default, and a sign-in takes a quarter of a second instead of well over one.
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR.static
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "core.static_files.StaticFiles"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if config.https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if config.https else None
SESSION_COOKIE_NAME = f"quarterdeck_session_{config.http_port}"
CSRF_COOKIE_NAME = f"quarterdeck_csrf_{config.http_port}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = config.https
CSRF_FAILURE_VIEW = "core.problems.refuse_forgery"
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"  # an error page reads no session
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

BODY_LIMIT_BYTES = 1_048_576
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000  # an entity in the admin: 200 dependencies and 100 checks, each a row of fields
FORMS_URLFIELD_ASSUME_HTTPS = True

LOGGING_CONFIG = None
configure_logging(config.log_level)
