"""Which limits are in force, and who set them?

`policy.py` reads the limits (the environment's, and above them those that an administrator stored) and stores new ones;
`change_log.py` tells who changed what. `admission.py` makes of the limits and a user what the gate is asked for. `admin.py`
is the page for the limits of users and groups.

This package must never count streams: the gate does.
"""
