"""The log-in page with django-allauth: a second factor after the password, and sign-in at an OpenID Connect provider.

Imported only if the setting `OIDC_URL` or `SECOND_FACTOR` is set.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import perform_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from cameras.sign_in import create_user, set_groups
from nvr.accounts_settings import PROVIDER, OidcSettings

logger = logging.getLogger(__name__)


class SignInView(LoginView):
    """The site's log-in page. After the password, it asks users with a second factor for that; others are logged in."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        if settings.OIDC is not None:
            url, next_url = reverse("openid_connect_login", args=[PROVIDER]), self.get_redirect_url()
            context |= {
                "provider": settings.OIDC.name,
                "provider_url": f"{url}?{urlencode({'next': next_url})}" if next_url else url,
            }
        return context

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        answer: HttpResponse = perform_login(self.request, form.get_user(), redirect_url=self.get_success_url())
        return answer


def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a visitor of the administration to the site's log-in page, because the administration's own would not ask
    for the second factor. Users who are logged in get to the administration's index. Raises PermissionDenied if they
    may not see it.
    """
    index = reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(request.GET.get("next") or index)
    if not admin.site.has_permission(request):
        raise PermissionDenied
    return redirect(index)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Discard a message of django-allauth to the user. The site's pages show none, so all of them would appear in
        the administration later.
        """


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """At each sign-in by the OpenID Connect provider, finds the Django user, or links or creates one as `OidcSettings`
    allows, and sets their groups if `OidcSettings.groups_claim` is set. Without an active user, the sign-in ends with a
    page of this site, status 403.
    """

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        oidc = _provider_settings()
        claims = sociallogin.account.extra_data
        claims = {**claims.get("id_token", {}), **claims.get("userinfo", {})}
        sociallogin.email_addresses = []  # nobody is found by an address
        if not sociallogin.is_existing:
            sociallogin.connect(request, self._new_user(request, oidc, claims))
        if not sociallogin.user.is_active:
            raise _refusal(request, sociallogin.user.username)
        if oidc.groups_claim:
            set_groups(sociallogin.user, _groups_of(claims.get(oidc.groups_claim)), oidc.groups)

    def _new_user(self, request: HttpRequest, oidc: OidcSettings, claims: dict[str, Any]) -> User:
        """Returns the user for a first sign-in: with `oidc.link`, an active user of the same name who is not linked
        yet; with `oidc.create`, a new one if the name is free. The user is saved; the caller links them. Raises
        ImmediateHttpResponse (403) if there is neither. `claims`: what the provider tells about the person. Their name
        is `preferred_username`, or else `email`.
        """
        name = str(claims.get("preferred_username") or claims.get("email") or "")
        unlinked = User.objects.filter(is_active=True).exclude(pk__in=SocialAccount.objects.values("user"))
        user = unlinked.filter(username=name).first() if oidc.link else None
        if user is None and oidc.create and not User.objects.filter(username=name).exists():
            user = create_user(name)
        if user is None:
            raise _refusal(request, name)
        return user

    def on_authentication_error(self, request: HttpRequest, provider: Any, **facts: Any) -> None:
        """Log why a sign-in at the provider failed, for the administrator. Raises ImmediateHttpResponse, which shows
        the site's own page (403) instead of django-allauth's.
        """
        logger.warning("A sign-in at the provider failed: %s", facts.get("exception") or facts.get("error"))
        raise ImmediateHttpResponse(render(request, "registration/refused.html", status=403))


def reaching_provider(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Wrap a view that calls the OpenID Connect provider: if the call fails, log the error and answer with a page of
    this site, status 503.
    """

    @functools.wraps(view)
    def wrapped(request: HttpRequest, provider_id: str) -> HttpResponse:
        try:
            return view(request, provider_id)
        except requests.RequestException as error:
            logger.error("The provider of OIDC_URL does not answer: %s", error)
            return render(request, "registration/refused.html", status=503)

    return wrapped


def _provider_settings() -> OidcSettings:
    oidc = settings.OIDC
    if oidc is None:
        raise Http404  # a provider of django-allauth's own table in the database
    return oidc


def _groups_of(claim: object) -> list[str]:
    """Returns the names of the groups in `claim`, as the provider sent it: a list, or a text with commas. `claim`
    is None if it sent none. The result is [] for an empty list, and [""] for an empty text or None: both mean no
    groups.
    """
    entries = claim if isinstance(claim, list) else str(claim or "").split(",")
    return [str(entry).strip() for entry in entries]


def _refusal(request: HttpRequest, name: str) -> ImmediateHttpResponse:
    logger.warning("The provider names %r, but there is no active user for it", name)
    return ImmediateHttpResponse(render(request, "registration/refused.html", {"name": name}, status=403))
