"""Settings, all from the environment and `.env`. A wrong value stops the start."""

from __future__ import annotations

from pathlib import Path

import environ

from . import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).absolute()
EMBEDDED = embedded.Layout(VAR_DIR)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or embedded.secret_key(VAR_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PORT = env.int("PORT", default=8000)
PUBLIC_WS_URL = env.str("PUBLIC_WS_URL", default="")

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_rq",
    "dex",
    "orders",
    "execution",
    "ordersite",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "ordersite.urls"
ASGI_APPLICATION = "ordersite.asgi.application"
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

DATABASE_URL = env.str("DATABASE_URL", default="") or env.str("PG_CONN", default="")
REDIS_URL = env.str("REDIS_URL", default="") or EMBEDDED.redis_url
DATABASES = {
    "default": environ.Env.db_url_config(DATABASE_URL) if DATABASE_URL else EMBEDDED.database
}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

RQ_QUEUES = {"orders": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 300}}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py 8 closes an idle connection after 5 s: django/channels_redis#422.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15}]},
    }
}

AUTH_PASSWORD_VALIDATORS: list[dict[str, str]] = []
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True

# Orders.
ORDER_TTL_S = env.int("ORDER_TTL_S", default=120)
MAX_SLIPPAGE_BPS = env.int("MAX_SLIPPAGE_BPS", default=5_000)
MAX_BODY_BYTES = 64 * 1024

# Execution.
ORDERS_IN_FLIGHT = env.int("ORDERS_IN_FLIGHT", default=200)

# The chain.
LOCALNET_PORT = env.int("LOCALNET_PORT", default=EMBEDDED.localnet_port())
SOLANA_RPC_URLS = env.list(
    "SOLANA_RPC_URLS",
    default=[f"http://127.0.0.1:{LOCALNET_PORT + 2 * node}" for node in range(2)],
)
WALLET_KEYPAIR = Path(
    env.str("WALLET_KEYPAIR", default=str(VAR_DIR / "wallet.json"))
).absolute()
RPC_TIMEOUT_S = env.float("RPC_TIMEOUT_S", default=5.0)
RPC_BATCH_SIZE = env.int("RPC_BATCH_SIZE", default=25)
SLOT_TIME_S = env.float("SLOT_TIME_S", default=0.4)
QUOTE_TIMEOUT_S = env.float("QUOTE_TIMEOUT_S", default=2.0)
COMPUTE_UNIT_PRICE = env.int("COMPUTE_UNIT_PRICE", default=0)  # micro-lamports
ALLOW_ANONYMOUS = env.bool("ALLOW_ANONYMOUS", default=False)
ALLOW_SINGLE_RPC = env.bool("ALLOW_SINGLE_RPC", default=False)

# Raydium's program has another address on devnet.
VENUES = {
    "raydium": "dex.venues.raydium.RaydiumCpmm",
    "meteora": "dex.venues.meteora.MeteoraDlmm",
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
