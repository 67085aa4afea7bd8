"""What the stack costs, as one table: deploying against doing it by hand, and authentication against none.

.venv-test/bin/python tests/bench [--runs 3]

The figures depend on the machine and on what else it does, the ratios less so: what is compared is measured in turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Beside the bench are the helpers of all tests.

from bench import deploy, tracking


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured; about 2 minutes each")
    runs = parser.parse_args().runs
    if runs < 1:
        parser.error("--runs: give 1 or more")
    load = os.getloadavg()[0]
    rows = deploy.measure(runs) + tracking.measure(runs)
    print(
        f"{os.cpu_count()} CPUs; load when it began: {load:.1f}, when it ended: {os.getloadavg()[0]:.1f}; runs: {runs}\n"
    )
    print(f"{'':46} {'min':>8} {'median':>8} {'max':>8}")
    for name, values, unit in rows:
        print(f"{name:46} {min(values):8.2f} {statistics.median(values):8.2f} {max(values):8.2f}  {unit}")


if __name__ == "__main__":
    main()
