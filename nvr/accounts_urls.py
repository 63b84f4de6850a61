"""The paths of log-in, OpenID Connect and the second factor below /accounts/, and of the administration's log-in.

nvr/urls.py includes them only with `OIDC_URL` or `SECOND_FACTOR`, before its own: a path in both is served here.
"""

from allauth.account import views as account
from allauth.socialaccount import views as provider
from allauth.socialaccount.providers.openid_connect import views as oidc
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from nvr.accounts import SignInView, admin_sign_in, reaching_provider
from nvr.proxy_users import SignOutView

log_in = SignInView.as_view(redirect_authenticated_user=True)

urlpatterns: list[URLPattern | URLResolver] = [
    # Each page has two names: django-allauth's, and that of nvr/urls.py.
    path("accounts/login/", log_in, name="account_login"),
    path("accounts/login/", log_in, name="login"),
    path("accounts/logout/", SignOutView.as_view(), name="account_logout"),
    path("admin/login/", admin_sign_in),
]
if settings.SECOND_FACTOR:
    urlpatterns += [
        path("accounts/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
        path("accounts/2fa/", include("allauth.mfa.urls")),
    ]
if settings.OIDC:
    urlpatterns += [
        path("accounts/oidc/<str:provider_id>/login/", reaching_provider(oidc.login), name="openid_connect_login"),
        path(
            "accounts/oidc/<str:provider_id>/login/callback/",
            reaching_provider(oidc.callback),
            name="openid_connect_callback",
        ),
        path("accounts/cancelled/", provider.login_cancelled, name="socialaccount_login_cancelled"),
        path("accounts/failed/", provider.login_error, name="socialaccount_login_error"),
    ]
