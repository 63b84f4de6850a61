"""How many streams run now, over all worker processes, and how many ran before?

`counters.py` and `traffic.py` count and measure what one worker does: viewers admitted and refused, frames and bytes
sent. `reporter.py` reports it to Redis each second (`pace.py`: less often with more than 250 workers). The answer has
the orders to stop streams of this worker, and the version of the limits. `usage.py` reads what all workers use now.
`recorder.py` writes the figures of finished minutes to the database, `history.py` reads them, and `retention.py`
deletes them after 30 days.

A lost report must never change who may watch.
"""
