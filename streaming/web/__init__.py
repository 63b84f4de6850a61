"""How do browsers, programs and Prometheus reach it?

`consumer.py` is the WebSocket of a stream, and `handshake.py` checks a viewer's request and access before it takes a slot.
`views.py` has the HTTP paths of a stream, and `health.py` the health checks. `api.py` is the JSON API; each `*_schemas.py`
describes one subject of it.
`system_views.py` serves the page *Settings > System*, with `stop_views.py` for what acts on viewers; `line_orders.py` has
the waiting line for both page and API. `hidden_cameras.py` leaves the names of hidden cameras out of what administrators
see. `prometheus.py` serves the metrics. `audit.py` writes the actions of administrators to Django's log.

Nothing is decided here: a view calls the packages below and translates the answer.
"""
