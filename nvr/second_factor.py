"""The second factor: a wrong code counts as a failed log-in, for all workers together, and each code is good for one
log-in.

django-allauth counts in the memory of each process; django-axes counts in the database.
"""

from typing import Any

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.shortcuts import render
from django.utils import timezone

from cameras import encryption

STEP = 30  # seconds for which an app shows one code


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Lets django-allauth store the secrets of second factors encrypted with the setting CAMERA_KEY."""

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Returns the clear text. Raises ImmediateHttpResponse (503, a page) if no key in CAMERA_KEY decrypts it.
        An empty text instead would be unsafe: anybody could calculate the codes of an empty secret.
        """
        text = encryption.decrypt(encrypted_text)
        if isinstance(text, encryption.Undecryptable):
            page = render(context.request, "registration/refused.html", {"key_is_lost": True}, status=503)
            raise ImmediateHttpResponse(page)
        return text


class _Counted:
    """A mixin for django-allauth's forms that ask for a code of the second factor: wrong and used codes count as failed
    log-ins of the form's user, whom django-axes locks out after too many.
    """

    user: Any
    authenticator: Any

    def clean_code(self) -> str:
        request, credentials = context.request, {"username": self.user.get_username()}
        if not AxesProxyHandler.is_allowed(request, credentials):
            # AxesMiddleware answers with its page.
            request.axes_locked_out, request.axes_credentials = True, credentials
            raise ValidationError("Too many failed log-ins.")
        try:
            code: str = super().clean_code()  # type: ignore[misc]
            if not _claim(self.authenticator):
                raise ValidationError("This code has been used. Wait for the next one.")
        except ValidationError:
            user_login_failed.send(sender=__name__, credentials=credentials, request=request)
            raise
        return code


def _claim(authenticator: Authenticator) -> bool:
    """Returns whether nobody has used a code of this authenticator app in the current 30 seconds, at any worker, and
    marks it as used. Returns True for recovery codes, each of which works once anyway.
    """
    if authenticator.type != Authenticator.Type.TOTP:
        return True
    now = timezone.now()
    step = now.replace(second=now.second // STEP * STEP, microsecond=0)
    unused = Authenticator.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=step), pk=authenticator.pk)
    return bool(unused.update(last_used_at=now))


class CodeForm(_Counted, AuthenticateForm):  # type: ignore[misc]
    pass


class CodeAgainForm(_Counted, ReauthenticateForm):  # type: ignore[misc]
    pass
