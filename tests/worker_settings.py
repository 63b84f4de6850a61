"""The product's settings for the workers of tests, except that a password hash is quick.

A hash of the product takes a third of a second on purpose, and the tests log in hundreds of times.
"""

from nvr.settings import *  # noqa: F403

PASSWORD_HASHERS = ["tests.worker_hasher.QuickHasher"]
