"""The gate among faults: does the limit hold while workers, Redis and cameras are killed, paused and emptied at random?

`faults` plans and injects the faults, `visitors` come and go, `run` joins them, `verdict` judges the end of the run.
All events go to a history. `bench.history` checks it for the limit afterwards, and `bench.turns` for the order of the line.
"""
