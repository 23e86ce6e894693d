"""Convert thousands of random graphs and damaged files: ``python benchmarks/random_graphs.py --examples 2000``.

Each must end in a right file, a refusal or an explanation. Hypothesis shrinks what does not, and prints it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from random_graphs import build, convert, damage, steps

_OPSETS = [9, 11, 12, 13, 15, 16, 17, 18, 20, 21]

changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8)


def main() -> None:
    """Try both kinds and count what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    many = settings(
        max_examples=options.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    counts: Counter[tuple[str, str, str]] = Counter()

    @seed(options.seed)
    @many
    @given(steps, st.sampled_from(_OPSETS), st.booleans())
    def graphs(recipe: list[tuple[str, int, float]], opset: int, free: bool) -> None:
        for target, became in convert(build(recipe, opset=opset, free=free)).items():
            counts["graph", target, became] += 1

    @seed(options.seed)
    @many
    @given(
        steps, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), st.sampled_from([1.0] * 9 + [0.9])
    )
    def damaged(recipe: list[tuple[str, int, float]], places: list[tuple[float, int]], keep: float) -> None:
        for target, became in convert(damage(build(recipe, opset=17, free=False), places, keep=keep)).items():
            counts["damaged", target, became] += 1

    start = time.perf_counter()
    graphs()
    damaged()
    for (kind, target, became), count in sorted(counts.items(), key=lambda item: (item[0][:2], -item[1])):
        print(f"{count:6d}  {kind:8s}  {target:13s}  {became[:90]}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
