"""The Django project: settings, log-in and accounts, and the limits and errors of requests to all apps.

`environment.py` reads and checks the environment variables for `settings.py`. `asgi.py` is the application that
Daphne serves. `urls.py` has the log-in page; `accounts.py` replaces it with `OIDC_URL` or `SECOND_FACTOR`.
`logins.py` and `second_factor.py` count failures, and `proxy_users.py` takes users from a reverse proxy. `api.py`
is the JSON API. `requests.py` limits requests, `deadlines.py` the time to wait for the database, and
`unavailable.py` answers 503 if the database fails. `websocket.py` is the WebSocket with a fast path for frames.
"""
