"""The live view: who gets a stream, how a camera is read, what viewers and administrators see.

Each package answers one question, with which its docstring begins. `web` (browsers, API), `health` (does each camera
work), `viewing` (one viewer's stream), `reports` (usage), `limits` (which are in force), `gate` (how many at once),
`ingest` (reading cameras), `store` (Redis): each imports only those after it. Of this folder's modules, `runtime.py` is
what one worker runs, `conf.py` has the settings, and `errors.py` the messages of refusals. `cameras/permissions.py`
decides who may watch.

`static/streaming/` has the scripts of the pages: `engine/` (socket, decoding, states), `player/` (the element and its
controls), `cards/` (the page of cameras), `wall/`, `system/` (*Settings > System*), `admin/` and `shared/`.
`engine/viewer.js` has the state of a viewing. When its stream ends, `shared/outcomes.js` tells from the close code and
the reason how it goes on (such as refused or unavailable), and `engine/retry-policy.js` if and when it tries again.

A refused viewer reads a notice: `player/texts.js` has its words, and `player/status-panel.js` shows it. `line-panel.js`
and `line-texts.js` offer to wait in line, and `player.js` offers a stream that has become free. If the server's limit
is reached, `live-modal.js` also shows the message of `errors.py`, as a toast. A tile of a wall waits and tries again:
`engine/openings.js`. If a camera is lost for good, `engine/still-schedule.js` asks for stills, and
`engine/reconnection.js` opens the stream again.
"""
