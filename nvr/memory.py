"""Bounds the freed memory that a process keeps: a camera may make it take much for a short time."""

import contextlib
import ctypes
import os

# Options of glibc's mallopt (malloc.h): the number of heaps that threads share (default: eight per core, and each keeps its
# largest size); the size in bytes from which a block is mapped by itself and unmapped when it is freed (default: grows to
# 32 MB); the free bytes that stay at the end of a heap.
OPTIONS = {-8: os.cpu_count() or 1, -3: 4 * 1024**2, -1: 16 * 1024**2}


def bound_heaps() -> None:
    """Call it before anything starts a thread: the limit closes no heap that exists. Does nothing without glibc."""
    with contextlib.suppress(AttributeError):
        libc = ctypes.CDLL(None)
        for option, value in OPTIONS.items():
            libc.mallopt(option, value)
