"""The Django project: settings, log-in and accounts, and the limits and errors of requests to all apps.

`environment.py` reads and checks the environment variables for `settings.py`. `asgi.py` is the application that
Daphne serves. `accounts.py`, `logins.py` and `second_factor.py` are the log-in. `requests.py` limits requests,
`deadlines.py` the time to wait for the database, and `unavailable.py` answers 503 if the database fails.
`websocket.py` is Daphne's WebSocket with a fast path for frames.
"""
