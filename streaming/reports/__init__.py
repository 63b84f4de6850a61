"""What is in use now, and what was it before?

`counters.py` and `traffic.py` collect what a worker does. `reporter.py` reports it to Redis each second (`pace.py`: less
often where workers are many), and the answer brings stop orders and the version of the limits. `usage.py` reads what all
workers use now. `recorder.py` writes finished minutes to the database, `history.py` reads them, and `retention.py` deletes
them after 30 days.

A lost report must never change who may watch.
"""
