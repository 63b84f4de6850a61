"""Bounds the freed memory that a process keeps. A camera may make the process need much memory for a short time.

Nothing here has an effect unless the C library is glibc.
"""

import contextlib
import ctypes
import os

OPTIONS = {  # of glibc's mallopt (malloc.h)
    # M_ARENA_MAX: heaps that threads share. Default: eight per core, and each keeps its largest size.
    -8: os.cpu_count() or 1,
    # M_MMAP_THRESHOLD: bytes from which a block is mapped by itself and unmapped when freed. Default: up to 32 MB.
    -3: 4 * 1024**2,
    # M_TRIM_THRESHOLD: free bytes that stay at the end of a heap.
    -1: 16 * 1024**2,
}
_libc = ctypes.CDLL(None)


def bound_heaps() -> None:
    """Limit glibc's heaps and the freed memory in them. Call it before any thread starts: heaps that exist stay."""
    with contextlib.suppress(AttributeError):
        for option, value in OPTIONS.items():
            _libc.mallopt(option, value)


def trim_memory() -> None:
    """Give freed memory back to the system. Takes milliseconds."""
    with contextlib.suppress(AttributeError):
        _libc.malloc_trim(0)
