"""Runs the load tests of `bench.load`. Exit code 1 if a promise (what must hold under load) is broken.

    .venv/bin/python -m bench.load --scenario many --minutes 5

Workers, cameras, nginx (if it is installed) and Redis run in processes of their own.
"""

import argparse
import asyncio
import sys

from bench.load.installation import installed
from bench.load.outcome import Outcome
from bench.load.scenarios import SCENARIOS


def run(name: str, options: argparse.Namespace) -> Outcome:
    scenario = SCENARIOS[name]
    limit = scenario.limit or options.viewers
    outcome = Outcome()
    print(f"{name}: {(scenario.run.__doc__ or '').strip()}", flush=True)
    with installed(options.workers, options.cameras, limit, proxied=scenario.is_proxied) as installation:
        asyncio.run(scenario.run(installation, options, outcome))
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scenario", choices=[*SCENARIOS, "all"], default="all")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--viewers", type=int, default=200, help="of the scenario `many`")
    parser.add_argument("--handshakes", type=int, default=500, help="at once, of the scenario `handshakes`")
    parser.add_argument("--openings", type=int, default=1000, help="a minute, of the scenario `refused`")
    options = parser.parse_args()
    names = list(SCENARIOS) if options.scenario == "all" else [options.scenario]
    broken = sum(run(name, options).broken for name in names)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
