"""The hasher of `tests/worker_settings.py`. It has a module of its own because settings must not import it."""

from nvr.passwords import QueuedPBKDF2PasswordHasher


class QuickHasher(QueuedPBKDF2PasswordHasher):
    """The product's hasher with its queue, but with a thousandth of the work."""

    iterations = QueuedPBKDF2PasswordHasher.iterations // 1000
