"""Kill a deployment at many points: .venv-test/bin/python -m tests.faults --points 50 --seed 1

Everything happens in a deployment of its own, in a folder in /tmp. The exit code is 1 when something was lost.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import points
from faults.harness import Harness
from support.deployment import Deployment


def events(harness: Harness) -> None:
    """What a first deployment writes, starts and asks, event by event: where a point can be."""
    log = harness.at.home / "events"
    harness.launch(points.VIRGIN, {"token": "events", "log": str(log)}).wait(400)
    print(log.read_text().replace(str(harness.at.home), ""), end="")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--points", type=int, default=len(points.POINTS), help="how many; named ones first, then random times"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same points and times")
    parser.add_argument("--only", default="", help="only those in whose name this regular expression is found")
    parser.add_argument("--list", action="store_true", help="name the points and do nothing")
    parser.add_argument("--events", action="store_true", help="show the events of a first deployment")
    words = parser.parse_args()
    selected = [point for point in points.select(words.points, words.seed) if re.search(words.only, point.name)]
    if words.list:
        print("\n".join(point.name for point in selected))
        return 0
    signal.signal(signal.SIGTERM, lambda *_words: sys.exit("ended"))  # By way of what cleans up.
    harness = Harness(Deployment(Path(tempfile.mkdtemp(prefix="mlops-"))))
    lost = {}
    try:
        if words.events:
            events(harness)
            return 0
        for number, point in enumerate(selected, 1):
            begin = time.monotonic()
            try:
                said = harness.run(point)
            except Exception as error:  # One that fails does not keep the others from being tried.
                lost[point.name] = said = f"LOST: {error}"
            seconds = time.monotonic() - begin
            print(f"[{number}/{len(selected)}] {point.name}  ({seconds:.0f} s)\n    {said}", flush=True)
    finally:
        harness.close()
    print(json.dumps({"points": len(selected), "seed": words.seed, "lost": sorted(lost)}, indent=2))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
