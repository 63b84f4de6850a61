"""Reads the settings of OpenID Connect, and makes django-allauth's settings for it and for the second factor."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from nvr.environment import env, read_flag
from nvr.sign_in_settings import GroupMapping, read_groups

PROVIDER = "sso"  # in the paths below /accounts/oidc/
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class OidcSettings:
    """The OpenID Connect provider at which users can sign in: the settings `OIDC_*`."""

    url: str  # the issuer
    client_id: str
    client_secret: str
    name: str  # on the button
    create: bool  # make a user who is new to this site; otherwise they are refused
    link: bool  # a first sign-in gets the active, unlinked user of the same name; otherwise a taken name is refused
    groups_claim: str  # empty: groups stay as they are
    groups: GroupMapping  # pairs: a group of the provider, and the group of this site for it


def read_oidc() -> OidcSettings | None:
    """Read the environment variables `OIDC_*`. Returns None without `OIDC_URL`. Raises ImproperlyConfigured for a value
    that is missing, wrong or has no effect.
    """
    url = _text("OIDC_URL").rstrip("/")
    if not url:
        for name in ("CLIENT_ID", "CLIENT_SECRET", "NAME", "CREATE", "LINK", "GROUPS_CLAIM", "GROUPS"):
            if _text(f"OIDC_{name}"):
                raise ImproperlyConfigured(
                    f"OIDC_{name} does nothing without OIDC_URL: set that to the provider's issuer."
                )
        return None
    parts = urlsplit(url)
    is_secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_secure or not re.fullmatch(r"[\w.:\[\]-]+", parts.netloc):
        raise ImproperlyConfigured(
            f"OIDC_URL={url} is not valid: it must be the https:// address of the provider's issuer, for example "
            "https://auth.example.com/realms/main."
        )
    for name in ("CLIENT_ID", "CLIENT_SECRET"):
        if not _text(f"OIDC_{name}"):
            raise ImproperlyConfigured(
                f"OIDC_{name} is missing: OIDC_URL needs it, as the provider gave it for this site."
            )
    claim, groups = _text("OIDC_GROUPS_CLAIM"), read_groups("OIDC_GROUPS")
    if bool(claim) != bool(groups):
        raise ImproperlyConfigured("OIDC_GROUPS_CLAIM and OIDC_GROUPS need each other: set both or none.")
    return OidcSettings(
        url,
        _text("OIDC_CLIENT_ID"),
        _text("OIDC_CLIENT_SECRET"),
        _text("OIDC_NAME") or str(parts.hostname),
        read_flag("OIDC_CREATE", default=False),
        read_flag("OIDC_LINK", default=False),
        claim,
        groups,
    )


def _text(name: str) -> str:
    # Not `env.str`: it treats a value that begins with $ as the name of another variable.
    return str(env.ENVIRON.get(name, "")).strip()


def require_package() -> None:
    """Raises ImproperlyConfigured if django-allauth is not installed."""
    if find_spec("allauth") is None:
        raise ImproperlyConfigured(
            "OIDC_URL and SECOND_FACTOR need more packages: pip install --require-hashes -r requirements-signin.lock"
        )


def of_allauth(oidc: OidcSettings | None) -> dict[str, Any]:
    """Returns django-allauth's settings, name -> value. `oidc` is None if there is no OpenID Connect provider. With
    these settings django-allauth sends no mail. `nvr/accounts_urls.py` has the pages that it may show.
    """
    return {
        "ACCOUNT_ADAPTER": "nvr.accounts.AccountAdapter",
        "ACCOUNT_LOGIN_METHODS": {"username"},
        "ACCOUNT_SIGNUP_FIELDS": ["username*", "password1*"],
        "ACCOUNT_EMAIL_VERIFICATION": "none",
        "ACCOUNT_RATE_LIMITS": False,  # they count in each process; axes counts for all workers
        "MFA_ADAPTER": "nvr.second_factor.Adapter",
        "MFA_FORMS": {
            "authenticate": "nvr.second_factor.CodeForm",
            "reauthenticate": "nvr.second_factor.CodeAgainForm",
        },
        "MFA_TOTP_ISSUER": "NVR Live",
        "SOCIALACCOUNT_ADAPTER": "nvr.accounts.ProviderAdapter",
        "SOCIALACCOUNT_LOGIN_ON_GET": True,  # a form's redirect to the provider would break form-action
        "SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX": "",
        "SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": _apps(oidc)}},
    }


def _apps(oidc: OidcSettings | None) -> list[dict[str, Any]]:
    if oidc is None:
        return []
    return [
        {
            "provider_id": PROVIDER,
            "name": oidc.name,
            "client_id": oidc.client_id,
            "secret": oidc.client_secret,
            "settings": {"server_url": oidc.url},
        }
    ]
