"""Which cameras exist, and who may watch them?

`permissions.py: may_watch` decides who may watch. `models.py` has the tables, and in `Camera.objects.visible_to` the
rule of grants, which let users and groups see cameras; `grants.py` changes grants. `displays.py` lets screens without a
log-in show a wall. `streaming/gate/blocks.py` blocks users from watching for a time: `web/handshake.py` and
`gate/lua/acquire.lua` refuse them.

`sources.py` handles a camera's address and credentials, `encryption.py` encrypts these, and `networks.py` tells where
cameras may be.

`views.py` has the page of cards, `wall_views.py` those of walls, `api.py` the JSON API, and `admin.py` Django's
administration. `imports.py` reads cameras from files, `onvif_search.py` finds devices in the local networks, and
`simulator` has simulated cameras, for `manage.py demo` and for tests.

This app never reads a camera's video. The app `streaming` does, and imports this one; never the other way round.
"""
