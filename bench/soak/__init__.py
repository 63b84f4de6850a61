"""The gate among faults: does the limit hold while workers, Redis and cameras are killed, paused and emptied at random?

`faults` plans and injects the faults, `visitors` come and go, `run` joins them, `verdict` judges the end of the run.
All events go to a history, which `bench.history` checks afterwards.
"""
