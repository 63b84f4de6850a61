"""How do browsers, programs and Prometheus reach it?

`consumer.py` is the WebSocket, `views.py` the HTTP paths of a stream, `api.py` with `schemas.py` the JSON API,
`system_views.py` the page *Settings > System*, and `prometheus.py` the metrics. `audit.py` writes what administrators do to
Django's log.

Nothing is decided here: a view asks the packages below and translates the answer.
"""
