"""Django's settings, from the environment variables in README.md. Importing this module creates the keys that are
neither set nor stored yet, and raises ImproperlyConfigured for a wrong value."""

from datetime import timedelta
from pathlib import Path

from django.conf import global_settings

from nvr.accounts_settings import of_allauth, read_oidc, require_package
from nvr.deadlines import LOCK
from nvr.environment import (
    BASE_DIR,
    env,
    read_database,
    read_flag,
    read_list,
    read_networks,
    read_origins,
    read_redis,
    read_secret,
    read_secrets,
    read_token,
)
from nvr.sign_in_settings import origin_of, read_proxy
from streaming import conf
from streaming.store.addresses import layer_host
from streaming.store.embedded import socket_path

VAR_DIR = Path(env.str("NVR_VAR_DIR", default="") or BASE_DIR / "var").resolve()

DEBUG = read_flag("DEBUG", default=False)
HTTPS = read_flag("HTTPS", default=False)
HSTS = conf.Choice("HSTS", "on", ("off", "on", "subdomains", "preload")).read(env.ENVIRON)
SECRET_KEY = read_secret("SECRET_KEY", VAR_DIR / "secret.key")
SECRET_KEY_FALLBACKS = read_secrets("SECRET_KEY_FALLBACKS")
CAMERA_KEY = read_secret("CAMERA_KEY", VAR_DIR / "camera.key")
ALLOWED_HOSTS = read_list("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = read_list("CSRF_TRUSTED_ORIGINS")
FRAME_ANCESTORS = read_origins("FRAME_ANCESTORS")
PROXY_USER = read_proxy()  # None: no header names the user
OIDC = read_oidc()  # None: no provider
SECOND_FACTOR = read_flag("SECOND_FACTOR", default=False)

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

CAMERA_NETWORKS = read_networks("CAMERA_NETWORKS")  # empty: all networks except cameras.networks.REFUSED_NETWORKS

METRICS_TOKEN = read_token("METRICS_TOKEN")  # empty: only staff can read /metrics
LOG_FORMAT = conf.Choice("LOG_FORMAT", "plain", ("plain", "json")).read(env.ENVIRON)

# Empty: the embedded Redis of streaming/store/embedded.py, for the processes of this checkout on this machine.
REDIS_URL = read_redis("REDIS_URL")
EMBEDDED_REDIS_DIR = VAR_DIR / "redis"
# The Redis for pictures that workers share. Empty: the same Redis.
PICTURES_REDIS_URL = read_redis("PICTURES_REDIS_URL")

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
    "nvr.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "nvr.apps.LogInsConfig",
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

if PROXY_USER:
    _log_in = MIDDLEWARE.index("django.contrib.auth.middleware.AuthenticationMiddleware")
    MIDDLEWARE.insert(_log_in + 1, "nvr.proxy_users.ProxyUserMiddleware")

if OIDC or SECOND_FACTOR:
    require_package()
    INSTALLED_APPS += ["allauth", "allauth.account", "allauth.socialaccount"]
    INSTALLED_APPS += ["allauth.socialaccount.providers.openid_connect"] * bool(OIDC) + ["allauth.mfa"] * SECOND_FACTOR
    MIDDLEWARE.insert(-1, "allauth.account.middleware.AccountMiddleware")
    globals().update(of_allauth(OIDC))

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

# The thread that checks viewers keeps its connection between them: to open one takes as long as the queries. A
# connection that has failed, or is 10 s old, is replaced. `nvr/connections.py` closes those of HTTP requests.
_kept = {"CONN_MAX_AGE": 10, "CONN_HEALTH_CHECKS": True}
DATABASES = {"default": _kept | read_database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'nvr.sqlite3'}")}
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
if read_flag("API_TOKENS_END_WITH_PASSWORD", default=False):
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
AXES_ENABLE_ADMIN = False  # nvr/logins_admin.py instead
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
        # Browsers apply it to redirects too, such as from the log-out.
        "form-action": ["'self'", *filter(None, [origin_of(PROXY_USER.log_out_url if PROXY_USER else "")])],
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
