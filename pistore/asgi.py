"""The same shop for an ASGI server; every view is synchronous, so gunicorn's threads serve it as well."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pistore.settings")

application = get_asgi_application()
