"""What is one viewing, from admission to its end?

`access.py` decides who may watch. `viewing.py` takes a slot, joins the camera's feed, sends frames and gives everything
back, whatever happens. `protocol.py` has the messages, close codes and the header of a frame. `rechecks.py` looks again
at running streams; `open_streams.py` lists them. `log.py` gives all log lines of a viewing one id; `fast_path.py` is
the short way to the socket under Daphne.

A slot is held only inside `async with`, and is released after the camera was left.
"""
