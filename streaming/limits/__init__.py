"""Which limits are in force, and who set them?

`policy.py` reads the limits: the environment's, and above them the limits that an administrator stored. `changes.py`
stores new ones and tells the workers, and `change_log.py` says who changed which limit. `user_limits.py` finds the
limits of one user, and `admission.py` builds from them the limits for the admission of one stream. `admin.py` registers
the pages for the limits of users and groups.

Two limits protect one worker, so they are elsewhere: of open cameras in `ingest/hub.py`, and of simultaneous handshakes
in `runtime.py: registered`.

This package must never count streams. Only the package `gate` does.
"""
