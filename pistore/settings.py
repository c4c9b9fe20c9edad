"""Settings: the only reader of the environment. `.env.example` lists every variable.

What is left out starts the demo; what is wrong stops the start with one sentence.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pistore import env_file, environment

BASE_DIR = Path(__file__).resolve().parent.parent

env = env_file.Reader(BASE_DIR / ".env")

DEBUG = environment.flag(env, "DEBUG", default=False)
SECRET_KEY = environment.secret(env, "SECRET_KEY", debug=DEBUG)
ALLOWED_HOSTS = environment.hosts(env, "ALLOWED_HOSTS", default="127.0.0.1,localhost")
ALLOWED_ORIGINS = [origin.strip() for origin in env.list("ALLOWED_ORIGINS", default=[])]
PROXY_COUNT = environment.number(env, "PROXY_COUNT", default=0, at_least=0)

# Pi -----------------------------------------------------------------------------------------------

PI_API_URL = environment.url(env, "PI_API_URL", debug=DEBUG, default="http://localhost:8314/v2")
PI_SDK_URL = environment.url(env, "PI_SDK_URL", debug=DEBUG, default="http://localhost:8314/pi-sdk.js")
PI_SDK_SANDBOX = environment.flag(env, "PI_SDK_SANDBOX", default=DEBUG)
PI_HORIZON_URL = environment.url(env, "PI_HORIZON_URL", debug=DEBUG, default="http://localhost:8314/horizon")
PI_API_KEY = environment.secret(env, "PI_API_KEY", debug=DEBUG)
PI_NETWORK = environment.one_of(env, "PI_NETWORK", environment.PI_NETWORKS, default="Pi Testnet")
PI_WALLET_ADDRESS = environment.address(
    env,
    "PI_WALLET_ADDRESS",
    debug=DEBUG,
    default="GB4ZUXDJKHCGXPBGLLAP3RWJVSVNFPJM2HKNGA3S6AM3IGMSCJZAMX5D",
)
PI_VALIDATION_KEY: str = env.str("PI_VALIDATION_KEY", default="")
ORDER_HOLD_MINUTES = environment.number(env, "ORDER_HOLD_MINUTES", default=15)

# Who may show the shop in a frame: the Pi Browser, its sandbox and PiNet, and wherever the SDK comes from.
PI_SDK_ORIGIN = "{0.scheme}://{0.netloc}".format(urlsplit(PI_SDK_URL))
PI_API_ORIGIN = "{0.scheme}://{0.netloc}".format(urlsplit(PI_API_URL))
PI_FRAME_ANCESTORS = [
    "'self'",
    "https://app-cdn.minepi.com",
    "https://sandbox.minepi.com",
    "https://*.minepi.com",
    "https://*.pinet.com",
    *([PI_SDK_ORIGIN] if DEBUG else []),
]

# Django -------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "catalog",
    "payments",
    "storefront",
    "demo",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "csp",
    "axes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "pistore.urls"
WSGI_APPLICATION = "pistore.wsgi.application"
APPEND_SLASH = False

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
    }
]

DATABASES = {"default": environment.database(env, default="sqlite:///var/pistore.sqlite3", base=BASE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": environment.cache(env, default="locmemcache://")}

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
# Pages and messages are in English alone; a choice would let anybody fill the memory with made-up languages.
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = BASE_DIR / "var" / "media"
FILE_UPLOAD_HANDLERS = [
    "web.uploads.StaffUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# Goods that are sold as files: never below MEDIA_ROOT, where anybody could fetch them.
DOWNLOADS_ROOT = BASE_DIR / "var" / "downloads"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "downloads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DOWNLOADS_ROOT, "base_url": None},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "web.static_files.StaticFiles"
    },
}

# Security -----------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = not DEBUG
# Pi fetches the validation key without following redirects; probes of a load balancer come by plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^validation-key\.txt$", r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
# For this host alone: what else lives below its name, and for how long, is not ours to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY_COUNT else None
SESSION_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_ENGINE = "web.sessions"
# Cookies exist for the admin alone; nothing else may carry or read them.
SESSION_COOKIE_PATH = "/admin/"
CSRF_COOKIE_PATH = "/admin/"
# The other storage would send what staff are told in a cookie, to every path.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# Wrong passwords of the staff are counted in the database: shared by all machines, exact when many come at
# once, and not pushed out by who floods the cache. The lock ends by itself, even if somebody guesses on.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=30)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "pistore.log_in.address"
AXES_LOCKOUT_CALLABLE = "pistore.log_in.locked_out"
# Some people type their password where the name belongs.
AXES_SENSITIVE_PARAMETERS = ["username", "csrfmiddlewaretoken"]
AXES_VERBOSE = False
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "web.error_pages.csrf_failure"

# Nobody may frame a page, unless the view says `@framable_by_pi`.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", PI_SDK_ORIGIN],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        # The SDK speaks to Pi's API from inside the page.
        "connect-src": ["'self'", PI_SDK_ORIGIN, PI_API_ORIGIN],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# The JSON of buyers, and nothing of the admin: every failure is JSON, too, and other origins may read it.
API_PATHS = ("/api/", "/payments/", "/pi_payment/", "/user/", "/pinet/")
CORS_ALLOWED_ORIGINS = ALLOWED_ORIGINS
CORS_URLS_REGEX = f"^({'|'.join(API_PATHS)})"
# Pi's demo frontend sends its requests with credentials and fails without this answer.
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "idempotency-key"]
CORS_EXPOSE_HEADERS = ["Retry-After"]

# API ----------------------------------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["payments.api.authentication.PioneerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["web.json_bodies.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["web.json_bodies.JSONParser", "web.json_bodies.AnyTypeParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "web.json_bodies.Negotiation",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["payments.api.throttles.ApiThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "pioneer": "120/min",
        "stranger": "60/min",
        # Per client address, which the buyers of one mobile carrier share.
        "sign-in": "120/min",
        "api": "240/min",
        "strangers": "600/min",
        # Of the staff, whose passwords cost a third of a second of work each.
        "log-in": "20/min",
    },
    "EXCEPTION_HANDLER": "payments.api.problems.answer",
    "NUM_PROXIES": PROXY_COUNT,
    "UNAUTHENTICATED_USER": None,
    # Of the schema, which would write any other that it is asked for into a header.
    "ALLOWED_VERSIONS": ["1.0.0"],
    "COERCE_DECIMAL_TO_STRING": True,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "pistore",
    "DESCRIPTION": "A shop that takes Pi and never loses a payment.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "PARSER_WHITELIST": ["web.json_bodies.JSONParser"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "payments.api.schema.describe_refusals",
        "payments.api.schema.link_orders",
    ],
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "payments.statuses.OrderStatus",
        "PaymentStatus": "payments.statuses.PaymentStatus",
    },
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "web.log_lines.OneLineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    # Without Django's own handlers, which under DEBUG would write everything once more, links and all.
    "loggers": {"django": {}, "django.server": {"propagate": True}},
}

# A line of .env that nothing above has asked for is misspelt.
env.refuse_unknown()
