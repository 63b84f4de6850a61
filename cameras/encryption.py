"""Encrypts secrets with keys derived from the setting `CAMERA_KEY`: camera passwords, secrets of second factors,
and the file that a browser keeps between the two steps of an import.

`CAMERA_KEY` holds one or more keys, newest first, separated by commas. The first encrypts; all of them decrypt.
"""

import base64
import functools
import logging

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Expression

logger = logging.getLogger(__name__)


class Undecryptable(str):
    """A stored secret that no key in `CAMERA_KEY` decrypts. It is an empty text; saving it again keeps the stored
    ciphertext, `token`.
    """

    token: str

    def __new__(cls, token: str) -> "Undecryptable":
        text = super().__new__(cls, "")
        text.token = token
        return text


@functools.cache
def _cipher(keys: str) -> MultiFernet:
    return MultiFernet([Fernet(_derive(key.strip())) for key in keys.split(",") if key.strip()])


def _derive(key: str) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"nvr camera password")
    return base64.urlsafe_b64encode(derivation.derive(key.encode()))


def encrypt(text: str) -> str:
    return _cipher(settings.CAMERA_KEY).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Returns the clear text of `token`, a result of `encrypt`. If no key in `CAMERA_KEY` decrypts it, logs an error
    and returns an `Undecryptable`, which is an empty text that keeps the token.
    """
    try:
        return _cipher(settings.CAMERA_KEY).decrypt(token).decode()
    except (InvalidToken, ValueError):
        logger.error("A stored secret cannot be decrypted: CAMERA_KEY has changed. Enter the camera's password again.")
        return Undecryptable(token)


def decrypt_fresh(token: str, seconds: int) -> str | None:
    """Returns the clear text of `token`, a result of `encrypt`. None: it is older than `seconds`, or no key in
    `CAMERA_KEY` decrypts it.
    """
    try:
        return _cipher(settings.CAMERA_KEY).decrypt(token, seconds).decode()
    except (InvalidToken, ValueError):
        return None


class EncryptedField(models.TextField):  # type: ignore[type-arg]
    """A text that is stored encrypted and used in clear. Empty text is stored as it is. A stored text that no key in
    `CAMERA_KEY` decrypts is read as an `Undecryptable`.
    """

    def get_prep_value(self, value: object) -> str:
        if isinstance(value, Undecryptable):
            return value.token
        return encrypt(str(value)) if value else ""

    def from_db_value(self, value: str | None, expression: Expression, connection: BaseDatabaseWrapper) -> str:
        return decrypt(value) if value else ""
