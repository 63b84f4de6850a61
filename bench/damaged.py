"""Feeds damaged camera streams to the product for a time: no picture that it passes on may be half a picture.

    .venv/bin/python -m bench.damaged --seconds 600

A round is one camera of random settings with one kind of damage (tests/streaming/ingest/rtp_fuzz.py). Prints the seed
of each round that fails; `--seed` repeats it. Exit code 1 if one fails.
"""

import argparse
import itertools
import os
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nvr.settings")


def main() -> None:
    import django

    django.setup()
    from tests.streaming.ingest.rtp_fuzz import check, make_round

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, help="of one round")
    options = parser.parse_args()
    ends_at, rounds, pictures, failed = time.monotonic() + options.seconds, 0, 0, 0
    for seed in itertools.count(time.time_ns() % 2**31) if options.seed is None else (options.seed,):
        round = make_round(seed)
        try:
            pictures += check(round)
        except AssertionError as error:
            failed += 1
            print(f"seed {seed}: {error}\n  {round.fault}: {round.shape}", flush=True)
        rounds += 1
        if time.monotonic() > ends_at:
            break
    print(f"{rounds} rounds, {pictures} pictures passed on, {failed} rounds failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
