"""How do browsers, programs and Prometheus reach the live view?

`consumer.py` is the WebSocket of a stream, and `handshake.py` checks a viewer's request and access before the
viewer gets a slot (the right to one stream). `views.py` has the HTTP paths of a stream, and `health.py` the health
checks. `api.py` is the JSON API, with `line_api.py` for the waiting line; each `*_schemas.py` describes one subject
of it. `system_views.py` serves the page *Settings > System*, with `stop_views.py` for what acts on viewers;
`endpoints.py` makes the views of that page. `line_orders.py` lists and changes the waiting line for both page and
API. `hidden_cameras.py` removes from pages and API the names of cameras that the administrator may not see.
`prometheus.py` serves the metrics. `audit.py` writes the actions of administrators to the log of Django's
administration.

Nothing is decided here: a view calls the other packages of `streaming` and translates the answer.
"""
