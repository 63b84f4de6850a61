#!/usr/bin/env python
"""Run Django's management commands."""

import os
import sys

from django.core.management import execute_from_command_line

from streaming.ingest.memory import bound_heaps

if __name__ == "__main__":
    bound_heaps()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nvr.settings")
    execute_from_command_line(sys.argv)
