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

from random_graphs import LayerSpec, build, byte_changes, convert, damage, layer_specs

_OPSETS = [9, 11, 12, 13, 15, 16, 17, 18, 20, 21]


def main() -> None:
    """Try both kinds and count the outcomes."""
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
    @given(layer_specs, st.sampled_from(_OPSETS), st.booleans())
    def graphs(layers: list[LayerSpec], opset: int, free_batch: bool) -> None:
        for target, outcome in convert(build(layers, opset=opset, free_batch=free_batch)).items():
            counts["graph", target, outcome] += 1

    @seed(options.seed)
    @many
    @given(layer_specs, byte_changes, st.sampled_from([1.0] * 9 + [0.9]))
    def damaged(layers: list[LayerSpec], changes: list[tuple[float, int]], keep: float) -> None:
        content = damage(build(layers, opset=17, free_batch=False), changes, keep=keep)
        for target, outcome in convert(content).items():
            counts["damaged", target, outcome] += 1

    start = time.perf_counter()
    graphs()
    damaged()
    for (kind, target, outcome), count in sorted(counts.items(), key=lambda item: (item[0][:2], -item[1])):
        print(f"{count:6d}  {kind:8s}  {target:13s}  {outcome[:90]}")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
