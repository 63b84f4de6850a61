"""The root URL map."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LoginView, PasswordChangeDoneView, PasswordChangeView
from django.urls import include, path, re_path
from django.views.decorators.cache import never_cache

from nvr import api, unavailable
from nvr.proxy_users import SignOutView, admin_sign_out

handler500 = unavailable.handler500

accounts = [path("", include("nvr.accounts_urls"))] if settings.OIDC or settings.SECOND_FACTOR else []

urlpatterns = [
    *accounts,
    path("", include("cameras.urls")),
    path("", include("streaming.urls")),
    path("api/v1/", api.urls),  # after the paths of streams, which are not part of it
    re_path("^api/v1/", api.not_found),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", SignOutView.as_view(), name="logout"),
    # The names of the templates differ from Django's, which are those of the administration.
    path(
        "accounts/password/",
        never_cache(PasswordChangeView.as_view(template_name="registration/password.html")),
        name="password_change",
    ),
    path(
        "accounts/password/done/",
        never_cache(PasswordChangeDoneView.as_view(template_name="registration/password_done.html")),
        name="password_change_done",
    ),
    path("admin/logout/", admin_sign_out),
    path("admin/", admin.site.urls),
]
