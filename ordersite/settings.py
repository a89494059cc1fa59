"""Settings, all from the environment and `.env`. A wrong value stops the start."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ

from . import embedded
from .environment import Environment
from .logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment(Path(os.environ.get("ENV_FILE") or BASE_DIR / ".env"))

# Where this installation keeps what must last: see embedded/layout.py.
VAR_DIR = Path(env.text("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()
EMBEDDED = embedded.Layout(VAR_DIR)

DEBUG = env.boolean("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or embedded.secret_key(VAR_DIR)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PORT = env.integer("PORT", default=8000, least=1, most=65535)
# Python uses one core per process; two also leave one while the other is started again.
WEB_PROCESSES = env.integer("WEB_PROCESSES", default=2, least=1, most=32)
# The start of every wsUrl when clients reach the site by another name than the web
# process sees; by default it follows the request.
PUBLIC_WS_URL = env.url("PUBLIC_WS_URL", schemes=("ws", "wss")).rstrip("/")
LOG_FORMAT = env.choice("LOG_FORMAT", ("text", "json"), default="text")
LOGGING = logging_settings(
    env.choice(
        "LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO"
    ),
    LOG_FORMAT,
)

INSTALLED_APPS = [
    # Only for its `runserver`: as an app it brings Twisted, 24 MB, into every process.
    *(["daphne"] if "runserver" in sys.argv else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "ordersite.apps.QueuePagesConfig",
    "dex",
    "orders",
    "execution",
    "ordersite",
]
MIDDLEWARE = [
    "ordersite.headers.headers_middleware",
    "orders.answers.request_id_middleware",
    "orders.access.middleware.limits_middleware",
    "orders.hosts.hosts_middleware",
    "django.middleware.security.SecurityMiddleware",
    "ordersite.static.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # the last, as its documentation asks
]
ROOT_URLCONF = "ordersite.urls"
ASGI_APPLICATION = "ordersite.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "ordersite.template_loader.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Set behind a proxy that ends TLS and sets X-Forwarded-Proto itself.
HTTPS_ONLY = env.boolean("HTTPS_ONLY", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probed from inside, without TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS_ONLY else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
CSRF_TRUSTED_ORIGINS = env.urls(
    "CSRF_TRUSTED_ORIGINS", schemes=("http", "https"), default=[]
)
X_FRAME_OPTIONS = "DENY"

DATABASE_URL = env.url("DATABASE_URL", "PG_CONN", schemes=("postgres", "postgresql"))
REDIS_URL = env.url(
    "REDIS_URL", schemes=("redis", "rediss", "unix"), default=EMBEDDED.redis_url
)
USES_EMBEDDED_POSTGRES = not DATABASE_URL
USES_EMBEDDED_VALKEY = EMBEDDED.redis_url == REDIS_URL

_database: dict[str, Any] = (
    dict(environ.Env.db_url_config(DATABASE_URL)) if DATABASE_URL else EMBEDDED.database
)
_database["ENGINE"] = "ordersite.postgres"
# The threads of the web process keep theirs: see asgi.py.
_database["CONN_MAX_AGE"] = 0
_database["CONN_HEALTH_CHECKS"] = True
_options = _database.setdefault("OPTIONS", {})
_options.setdefault("connect_timeout", 5)
# A server that vanished from the network is given up after 10 s, not after hours.
_options.setdefault("tcp_user_timeout", 10_000)
_options.setdefault("keepalives_idle", 5)
# PostgreSQL plans a statement that comes for the fifth time on a connection once for all:
# planning was a third of its work.
_options.setdefault("server_side_binding", True)
_options.setdefault("prepare_threshold", 5)
_options["options"] = " ".join(
    [
        "-c statement_timeout=5s",
        "-c lock_timeout=2s",
        "-c idle_in_transaction_session_timeout=10s",
        # Those of the URL come last and win.
        str(_options.get("options", "")),
    ]
).strip()
# Above statement_timeout: only a database that fell silent takes so long.
DATABASE_TIMEOUT_S = env.seconds("DATABASE_TIMEOUT_S", default=8.0, least=1, most=600)
DATABASES = {"default": _database}

RQ_QUEUES = {"orders": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 300}}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py 8 closes an idle connection after 5 s: django/channels_redis#422.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15}]},
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator")
]
# Five wrong passwords for a user from one address, and none is looked at for a while.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_ONLY_ADMIN_SITE = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "ordersite.login.address_of"
AXES_LOCKOUT_CALLABLE = "ordersite.login.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username"]  # a password was typed there before
AXES_VERBOSE = False
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = "ordersite.formats"
USE_TZ = True
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # straight from the packages: nothing to collect

# Orders.
# Whoever reaches the web process trades without a key, as user `local`.
ALLOW_ANONYMOUS = env.boolean("ALLOW_ANONYMOUS", default=False)
# On the embedded default, a key for whoever uses this machine: see development.py.
DEVELOPMENT_KEY = env.boolean("DEVELOPMENT_KEY", default=True)
ORDER_TTL_S = env.integer("ORDER_TTL_S", default=120, least=1, most=86_400)
MAX_SLIPPAGE_BPS = env.integer("MAX_SLIPPAGE_BPS", default=5_000, least=0, most=10_000)
# In whole tokens of what is sold; 0: no limit. A token may have one of its own.
MAX_ORDER = env.integer("MAX_ORDER", default=0, least=0, most=10**18)
MAX_OPEN_ORDERS_PER_OWNER = env.integer(
    "MAX_OPEN_ORDERS_PER_OWNER", default=10_000, least=1, most=1_000_000
)
MAX_PRICE_IMPACT_BPS = env.basis_points("MAX_PRICE_IMPACT", default=1_000)
MAX_BODY_BYTES = DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024  # of any request
# A socket whose client reads nothing for so long is cut off.
SOCKET_STALL_S = env.seconds("SOCKET_STALL_S", default=30.0, least=0.1, most=3_600)

# Limits; 0 is none. The first three count in a minute.
_limit: dict[str, int] = {"least": 0, "most": 1_000_000}
RATE_LIMIT_REQUESTS = env.integer("RATE_LIMIT_REQUESTS", default=6_000, **_limit)
RATE_LIMIT_ORDERS = env.integer("RATE_LIMIT_ORDERS", default=3_000, **_limit)
RATE_LIMIT_FAILURES = env.integer("RATE_LIMIT_FAILURES", default=60, **_limit)
# Proxies before the site, each of which adds to X-Forwarded-For.
TRUSTED_PROXIES = env.integer("TRUSTED_PROXIES", default=0, least=0, most=10)
SOCKETS_PER_KEY = env.integer("SOCKETS_PER_KEY", default=1_000, **_limit)
SOCKETS_PER_ADDRESS = env.integer("SOCKETS_PER_ADDRESS", default=2_000, **_limit)
# Open TCP connections, sockets among them; not counted behind TRUSTED_PROXIES.
CONNECTIONS_PER_ADDRESS = env.integer(
    "CONNECTIONS_PER_ADDRESS", default=4_000, **_limit
)
# Open orders of one socket that places them.
SOCKET_ORDERS = env.integer("SOCKET_ORDERS", default=2_000, **_limit)
SOCKET_FRAMES_PER_S = env.integer("SOCKET_FRAMES_PER_S", default=500, **_limit)
# A request that has not arrived as a whole by then is cut off.
REQUEST_ARRIVAL_S = env.seconds("REQUEST_ARRIVAL_S", default=20.0, least=0, most=3_600)

# Execution.
ORDERS_IN_FLIGHT = env.integer("ORDERS_IN_FLIGHT", default=200, least=1, most=10_000)

# The chain. Localnet's node k listens on LOCALNET_PORT + 2k.
LOCALNET_PORT_IS_CHOSEN = bool(env.text("LOCALNET_PORT"))
LOCALNET_PORT = env.integer(
    "LOCALNET_PORT", default=EMBEDDED.localnet_port(), least=1, most=65_532
)
_localnet_urls = [f"http://127.0.0.1:{LOCALNET_PORT + 2 * node}" for node in range(2)]
SOLANA_RPC_URLS = env.urls(
    "SOLANA_RPC_URLS", schemes=("http", "https"), default=_localnet_urls
)
# None: beside the endpoints. []: none.
SOLANA_WS_URLS = env.optional_urls(
    "SOLANA_WS_URLS", schemes=("ws", "wss"), as_many_as=SOLANA_RPC_URLS
)
# Dumps of real pools that `up` copies into its localnet; see `localnet --fork`.
LOCALNET_FORK = [Path(name) for name in env.words("LOCALNET_FORK", default=[])]
# Programs dumped from a real chain, which localnet then runs; see `localnet --programs`.
LOCALNET_PROGRAMS = env.text("LOCALNET_PROGRAMS")
# Further options of the localnet that `up` starts.
LOCALNET_OPTIONS = env.command_line("LOCALNET_OPTIONS")
USES_OWN_LOCALNET = not env.text("SOLANA_RPC_URLS")
WALLET_KEYPAIR = Path(
    env.text("WALLET_KEYPAIR", default=str(VAR_DIR / "wallet.json"))
).absolute()
RPC_TIMEOUT_S = env.seconds("RPC_TIMEOUT_S", default=5.0, least=0.1, most=60)
RPC_BATCH_SIZE = env.integer("RPC_BATCH_SIZE", default=25, least=1, most=100)
SLOT_TIME_S = env.seconds("SLOT_TIME_S", default=0.4, least=0.01, most=60)
QUOTE_TIMEOUT_S = env.seconds("QUOTE_TIMEOUT_S", default=2.0, least=0.05, most=60)
COMPUTE_UNIT_PRICE = env.integer(  # micro-lamports
    "COMPUTE_UNIT_PRICE", default=0, least=0, most=10_000_000
)
ALLOW_SINGLE_RPC = env.boolean("ALLOW_SINGLE_RPC", default=False)

# Raydium's program has another address on devnet.
VENUES = {
    "raydium": "dex.venues.raydium.RaydiumCpmm",
    "meteora": "dex.venues.meteora.MeteoraDlmm",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["orders.access.authentication.Authentication"],
    "DEFAULT_PERMISSION_CLASSES": [
        "orders.access.limits.WithinLimits",
        "orders.access.authentication.HasScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "orders.answers.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "DEX order engine",
    "DESCRIPTION": "Places orders on Solana's DEXes and streams what becomes of them.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {"OrderStatus": "orders.statuses.Status"},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "orders.documents.openapi.complete",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    # The document of the API holds nobody's data.
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    # Else the page asks a server of Swagger's about the schema.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_FAVICON_HREF": f"/{STATIC_URL}orders/icon.svg",
    "REDOC_DIST": "SIDECAR",
}
