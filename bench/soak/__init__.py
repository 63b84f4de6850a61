"""The stream limit among faults: does it hold while workers, Redis and cameras are killed, paused or emptied at random?

`faults` plans and injects the faults, `visitors` are simulated viewers that come and go, `run` joins both, `verdict`
judges the run afterwards. All events go to a history. `bench.history` checks it for the limit, and `bench.turns` for
the order of the viewers who waited in line for a slot (the right to stream).
"""
