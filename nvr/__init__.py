"""The Django project: `settings.py` and what reads them, log-in and accounts, and requests to all apps.

`environment.py` reads and checks the variables, and `asgi.py` is the application that Daphne serves. `accounts.py`,
`logins.py` and `second_factor.py` are the log-in. `requests.py`, `deadlines.py` and `unavailable.py` limit requests,
and `websocket.py` is Daphne's WebSocket with a fast path for frames.
"""
