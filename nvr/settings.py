"""Django's settings. Only this module reads the environment and `.env`. README.md documents each variable."""

import io
import re
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.conf import global_settings
from django.core.exceptions import ImproperlyConfigured

from cameras.networks import Network, parse_networks
from nvr.deadlines import LOCK
from nvr.dotenv import read_dotenv
from nvr.secret_files import stored_key
from streaming import conf
from streaming.store.addresses import SCHEMES, layer_host, service_of
from streaming.store.embedded import socket_path

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(io.StringIO(read_dotenv(BASE_DIR / ".env")))


def _flag(name: str, *, default: bool) -> bool:
    text = env.str(name, default="").strip().lower() or str(default).lower()
    if text not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        raise ImproperlyConfigured(f"{name}={text} is not valid: it must be true or false.")
    return text in {"true", "1", "yes", "on"}


def _address(name: str, schemes: tuple[str, ...]) -> str:
    text: str = env.str(name, default="").strip()
    if text and urlsplit(text).scheme not in schemes:
        # The message does not repeat the whole value, which may contain a password.
        raise ImproperlyConfigured(
            f"{name}={text.split(':', 1)[0]}:... is not valid: it must begin with {', '.join(s + '://' for s in schemes)}."
        )
    return text


def _redis(name: str) -> str:
    text = _address(name, SCHEMES)
    try:
        service_of(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={text.split(':', 1)[0]}:... is not valid: {error}.") from None
    return text


def _secret_text(name: str) -> str:
    # Not `env.str`: it treats a value that begins with $ as the name of another variable.
    text = str(env.ENVIRON.get(name, "")).strip()
    if text and len(text) < 16:
        raise ImproperlyConfigured(f"{name} is not valid: it has {len(text)} characters, and needs at least 16.")
    return text


def _list(name: str) -> list[str]:
    return [entry for part in env.list(name, default=[]) if (entry := part.strip())]


def _networks(name: str) -> tuple[Network, ...]:
    text: str = env.str(name, default="").strip()
    try:
        return parse_networks(text)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name}={text} is not valid: {error}. It must be networks, separated by commas, "
            "for example 192.168.10.0/24,fd12:3456:789a::/48."
        ) from error


def _origins(name: str) -> list[str]:
    origins = _list(name)
    for origin in origins:
        if not re.fullmatch(
            r"https?://[\w.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?", origin, re.IGNORECASE | re.ASCII
        ):
            raise ImproperlyConfigured(
                f"{name}={origin} is not valid: it must be origins, separated by commas, for example https://home.example.com."
            )
    return origins


def _secret(name: str, file: str) -> str:
    return _secret_text(name) or stored_key(VAR_DIR / file)


def _secrets(name: str) -> list[str]:
    keys = [key for part in str(env.ENVIRON.get(name, "")).split(",") if (key := part.strip())]
    if any(len(key) < 16 for key in keys):
        raise ImproperlyConfigured(
            f"{name} is not valid: each key needs at least 16 characters, with commas between them."
        )
    return keys


def _token(name: str) -> str:
    text = _secret_text(name)
    if not re.fullmatch("[!-~]*", text):
        raise ImproperlyConfigured(
            f"{name} is not valid: it may have letters, digits and punctuation of ASCII only, and no spaces."
        )
    return text


VAR_DIR = Path(env.str("NVR_VAR_DIR", default="") or BASE_DIR / "var").resolve()

DEBUG = _flag("DEBUG", default=False)
HTTPS = _flag("HTTPS", default=False)
HSTS = conf.Choice("HSTS", "on", ("off", "on", "subdomains", "preload")).read(env.ENVIRON)
SECRET_KEY = _secret("SECRET_KEY", "secret.key")
SECRET_KEY_FALLBACKS = _secrets("SECRET_KEY_FALLBACKS")
CAMERA_KEY = _secret("CAMERA_KEY", "camera.key")
ALLOWED_HOSTS = _list("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = _list("CSRF_TRUSTED_ORIGINS")
FRAME_ANCESTORS = _origins("FRAME_ANCESTORS")

STREAM_MAX_CONCURRENT = conf.MAX_CONCURRENT.read(env.ENVIRON)
STREAM_DEFAULT_QUALITY = conf.DEFAULT_QUALITY.read(env.ENVIRON)
STREAM_LEASE_SECONDS = conf.LEASE.read(env.ENVIRON)
STREAM_FIRST_FRAME_SECONDS = conf.FIRST_FRAME.read(env.ENVIRON)
STREAM_READ_TIMEOUT_SECONDS = conf.READ_TIMEOUT.read(env.ENVIRON)
STREAM_RECONNECT_SECONDS = conf.RECONNECT.read(env.ENVIRON)
STREAM_MAX_PICTURE_MB = conf.MAX_PICTURE.read(env.ENVIRON)
STREAM_MAX_CAMERAS_PER_WORKER = conf.MAX_CAMERAS.read(env.ENVIRON)
STREAM_SHARE_CAMERAS = conf.SHARE_CAMERAS.read(env.ENVIRON)
STREAM_MAX_MBPS = conf.MAX_MBPS.read(env.ENVIRON)
STREAM_MAX_PER_CAMERA = conf.MAX_PER_CAMERA.read(env.ENVIRON)
STREAM_MAX_PER_USER = conf.MAX_PER_USER.read(env.ENVIRON)
STREAM_MAX_PER_ADDRESS = conf.MAX_PER_ADDRESS.read(env.ENVIRON)
STREAM_STILL_SECONDS = conf.STILL.read(env.ENVIRON)
STREAM_STILLS_PER_USER = conf.STILLS_PER_USER.read(env.ENVIRON)
STREAM_MAX_HANDSHAKES = conf.MAX_HANDSHAKES.read(env.ENVIRON)
STREAM_WAIT_MAX = conf.WAIT_MAX.read(env.ENVIRON)
STREAM_WAIT_SECONDS = conf.WAIT.read(env.ENVIRON)
STREAM_RESUME_SECONDS = conf.RESUME.read(env.ENVIRON)
STREAM_IDLE_MINUTES = conf.IDLE.read(env.ENVIRON)
STREAM_PREEMPT = conf.PREEMPT.read(env.ENVIRON)
STREAM_WALL_YIELDS = conf.WALL_YIELDS.read(env.ENVIRON)
STREAM_CHECK_MINUTES = conf.CHECK.read(env.ENVIRON)

CAMERA_NETWORKS = _networks("CAMERA_NETWORKS")  # empty: all networks except cameras.networks.REFUSED_NETWORKS

METRICS_TOKEN = _token("METRICS_TOKEN")  # empty: only staff can read /metrics
LOG_FORMAT = conf.Choice("LOG_FORMAT", "plain", ("plain", "json")).read(env.ENVIRON)

# Empty: the embedded Redis of streaming/store/embedded.py, for the processes of this checkout on this machine.
REDIS_URL = _redis("REDIS_URL")
EMBEDDED_REDIS_DIR = VAR_DIR / "redis"
# The Redis for pictures that workers share. Empty: the same Redis.
PICTURES_REDIS_URL = _redis("PICTURES_REDIS_URL")

# For small control events between workers, never for frames.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # Longer than the 5 s that channels_redis waits in one read: redis-py's default of 5 s would end each read.
            "hosts": [layer_host(REDIS_URL or f"unix://{socket_path(EMBEDDED_REDIS_DIR)}", socket_timeout=15)],
            "prefix": "nvr:control",
        },
    },
}

INSTALLED_APPS = [
    "daphne",  # first: its runserver replaces Django's
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "axes",
    "csp",
    "ninja",  # as an app, it serves the pages of the API's description from here, not from a CDN
    "cameras",
    "streaming",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "nvr.logins.BusyMiddleware",
    "nvr.unavailable.DatabaseUnavailableMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it replaces the response to a locked log-in
]

ROOT_URLCONF = "nvr.urls"
ASGI_APPLICATION = "nvr.asgi.application"

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
            ],
        },
    },
]

_database_url = _address("DATABASE_URL", ("sqlite", "postgres", "postgresql"))
DATABASES = {"default": env.db_url_config(_database_url or f"sqlite:///{VAR_DIR / 'nvr.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several workers share the file: wait for a lock instead of failing, and allow reads during a write.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": LOCK,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["ENGINE"] = "nvr.postgresql"  # Django's backend with timeouts
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
if _flag("API_TOKENS_END_WITH_PASSWORD", default=False):
    AUTH_PASSWORD_VALIDATORS.append({"NAME": "cameras.tokens.EndWithPassword"})
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "nvr.passwords.QueuedPBKDF2PasswordHasher",  # creates the same hashes as Django's
    *global_settings.PASSWORD_HASHERS[1:],
]
# Failures are counted per user name and address, so that a stranger at another address cannot lock out a user.
# nvr/logins.py also counts per address alone, with a limit ten times as high.
AXES_HANDLER = "nvr.logins.LogInHandler"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # attempts during a lock-out are not stored
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"

# Each worker serves static files from the folders of the apps, without collectstatic.
STATIC_URL = "/static/"
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_MAX_AGE = 0  # always revalidated, because modules import each other by plain names
SERVESTATIC_ALLOW_ALL_ORIGINS = False

DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # a form of grants has a field for each camera, and 5,000 can be imported
X_FRAME_OPTIONS = "DENY"  # browsers follow frame-ancestors instead, if they know it
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "media-src": ["blob:"],  # the camera's own video where the browser has no WebCodecs
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": FRAME_ANCESTORS or ["'none'"],
    },
}
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 0 if HSTS == "off" else 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = HSTS in {"subdomains", "preload"}
    SECURE_HSTS_PRELOAD = HSTS == "preload"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    # These three checks want more than HSTS=on, but this site does not know whether other hosts have HTTPS.
    SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W005", "security.W021"]
else:
    # Plain HTTP is supported for private networks. These four checks want settings that HTTPS=true turns on.
    SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "viewing": {"()": "streaming.viewing.log.ViewingFilter"},
        "refusals": {"()": "nvr.logs.RefusalFilter"},
    },
    "formatters": {
        "plain": {"()": "streaming.viewing.log.PlainFormatter"},
        "json": {"()": "streaming.viewing.log.JsonFormatter"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["viewing", "refusals"]}
    },
    "root": {"handlers": ["console"], "level": "INFO"},
}
