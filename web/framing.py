"""Who may show our pages in a frame: nobody, except where a view says that Pi may."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from csp.decorators import csp_replace
from django.conf import settings
from django.http.response import HttpResponseBase
from django.views.decorators.clickjacking import xframe_options_exempt

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def framable_by_pi(view: View) -> View:
    """Let the hosts in PI_FRAME_ANCESTORS, and no others, show this view in a frame.

    X-Frame-Options is left out, because it cannot name a host and would forbid what the policy allows.
    """
    policy = csp_replace({"frame-ancestors": settings.PI_FRAME_ANCESTORS})
    # django-csp types its decorators for views without arguments, and runs them for any.
    return cast("View", policy(xframe_options_exempt(view)))
