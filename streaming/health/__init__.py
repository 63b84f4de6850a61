"""Does each camera work?

`sights.py` collects the state of the cameras that this worker reads, for whatever reason. `records.py` keeps it in
the database. `checks.py` opens the cameras whose main stream nobody has read for a while, one after another, by one
of all workers. `overview.py` reads the records for metrics, and `admin.py` shows them at *Cameras > Cameras*.

A check must never open a stream that a worker reads already, and does not count against the limit of streams.
Substreams are neither checked nor recorded.
"""
