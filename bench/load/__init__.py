"""Many viewers at once: do all get pictures, are all answered, and do refusals slow down the running streams?

`scenarios` holds the three load tests, `installation` the programs under load, `outcome` the promises (what must hold)
and the use of the processors. Everything runs on one machine, so each test also tells whether the machine was full.
"""
