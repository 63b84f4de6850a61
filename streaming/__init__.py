"""The live view: who gets a stream, how a camera is read, what viewers and administrators see.

Each package answers one question, with which its docstring begins. `web` (browsers, API), `health` (does each camera
work), `viewing` (one viewer's stream), `reports` (usage), `limits` (which are in force), `gate` (how many at once),
`ingest` (reading cameras), `store` (Redis): each imports only those after it. Of this folder's modules, `runtime.py` is
what one worker runs, `conf.py` has the settings, and `errors.py` the messages of refusals. `cameras/permissions.py`
decides who may watch.

`static/streaming/` has the scripts of the pages: `engine/` (socket, decoding, states), `player/` (the element and its
controls), `cards/` (the page of cameras), `wall/`, `system/` (*Settings > System*), `admin/` and `shared/`. When a
stream ends, `shared/outcomes.js` tells from the close code whether it was a refusal, and `engine/retry-policy.js` if
and when the page tries again. The viewer reads a notice: `player/texts.js` has its words, and `player/status-panel.js`
shows it, with the choice to wait in line (`player/line-panel.js`). If the server's limit is reached, `live-modal.js`
also shows the message of `errors.py`, as a toast. A tile of a wall waits and tries again: `engine/openings.js`. If the
camera is lost, `engine/still-schedule.js` asks for stills, and `engine/reconnection.js` opens the stream again.
"""
