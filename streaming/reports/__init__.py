"""What is in use now, and what was it before?

`counters.py` and `traffic.py` collect what a worker does; `reporter.py` tells it to Redis each second and hears orders and
new limits. `usage.py` answers what all workers use now. `recorder.py` writes finished minutes to the database, and
`history.py` reads them.

Figures are told, never acted upon: a lost report must never change who may watch.
"""
