"""Convert thousands of random graphs and damaged files: ``python benchmarks/random_graphs.py --examples 2000``.

Each must end in a right file, a refusal or an explanation. Hypothesis shrinks what does not, and prints it.

For the ncnn targets ``--ncnn 1000 --seed 3`` tries that many graphs of the kind that such models have, in child
processes, and counts what became of them; ``--keep FOLDER`` stores those that came out wrong or crashed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from benchmarks.table import general
from ncnn_graphs import build as build_for_ncnn
from ncnn_outcomes import FAILED, NCNN_TARGETS, NO_GRAPH, REFUSED, RIGHT, Outcome, shortest, try_many
from random_graphs import MAX_ERROR, LayerSpec, build, byte_changes, convert, damage, layer_specs

_OPSETS = [9, 11, 12, 13, 15, 16, 17, 18, 20, 21]
_SEEDS_APART = 1_000_000


def main() -> int:
    """Try graphs and count the outcomes; 0 only where none is bad."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000, help="of each kind")
    parser.add_argument("--ncnn", type=int, metavar="COUNT", help="try this many graphs for ncnn instead")
    parser.add_argument("--targets", nargs="+", choices=[*MAX_ERROR, *NCNN_TARGETS], help="only these")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the graphs for ncnn that came out badly")
    options = parser.parse_args()
    chosen = options.targets or [*MAX_ERROR, *NCNN_TARGETS]
    start = time.perf_counter()
    bad = 0
    if options.ncnn is None:
        _try_onnx([target for target in chosen if target in MAX_ERROR], options)
    else:
        bad = _try_ncnn([target for target in chosen if target in NCNN_TARGETS], options)
    print(f"{time.perf_counter() - start:.0f} s")
    return 1 if bad else 0


def _try_onnx(targets: Sequence[str], options: argparse.Namespace) -> None:
    many = settings(
        max_examples=options.examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    counts: Counter[tuple[str, str, str]] = Counter()

    @seed(options.seed)
    @many
    @given(layer_specs, st.sampled_from(_OPSETS), st.booleans())
    def graphs(layers: list[LayerSpec], opset: int, free_batch: bool) -> None:
        for target, outcome in convert(build(layers, opset=opset, free_batch=free_batch), targets).items():
            counts["graph", target, outcome] += 1

    @seed(options.seed)
    @many
    @given(layer_specs, byte_changes, st.sampled_from([1.0] * 9 + [0.9]))
    def damaged(layers: list[LayerSpec], changes: list[tuple[float, int]], keep: float) -> None:
        content = damage(build(layers, opset=17, free_batch=False), changes, keep=keep)
        for target, outcome in convert(content, targets).items():
            counts["damaged", target, outcome] += 1

    graphs()
    damaged()
    for (kind, target, outcome), count in sorted(counts.items(), key=lambda item: (item[0][:2], -item[1])):
        print(f"{count:6d}  {kind:8s}  {target:13s}  {outcome[:90]}")


def _try_ncnn(targets: Sequence[str], options: argparse.Namespace) -> int:
    """Try the graphs, print the counts; how many came out badly."""
    first = options.seed * _SEEDS_APART
    outcomes, bad = [], []
    for outcome in try_many([(first + index, None) for index in range(options.ncnn)], targets=targets):
        outcomes.append(outcome)
        if outcome.is_bad:
            bad.append(outcome)
            print(f"{outcome.case[0]}  {outcome.target}  {outcome.status}  {outcome.reason[:120]}", flush=True)
    _print_counts(outcomes)
    _print_layers([outcome for outcome in outcomes if outcome.target == targets[0]])
    _print_reasons([outcome for outcome in outcomes if outcome.target == targets[0]])
    for number in dict.fromkeys(outcome.case for outcome in bad):
        _print_shortest(number, targets, options.keep)
    return len(bad)


def _print_counts(outcomes: Sequence[Outcome]) -> None:
    for (target, status), count in sorted(Counter((one.target, one.status) for one in outcomes).items()):
        print(f"{count:6d}  {target:10s}  {status}")


def _print_layers(outcomes: Sequence[Outcome]) -> None:
    """For each kind of layer, how many of the graphs with it came out right: the lowest first."""
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    for outcome in outcomes:
        for layer in set(outcome.layers) if outcome.status != NO_GRAPH else ():
            counts[layer][outcome.status == RIGHT] += 1
    print("\nGraphs with this layer that came out right")
    for layer, found in sorted(counts.items(), key=lambda item: item[1][True] / item[1].total()):
        print(f"{found[True]:6d} of {found.total():4d}  {layer}")


def _print_reasons(outcomes: Sequence[Outcome]) -> None:
    """Why graphs were refused or failed, the most frequent reason first, with some seeds."""
    seeds: dict[str, list[int]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.status in (REFUSED, FAILED):
            seeds[f"{outcome.status}: {general(outcome.reason.split(' | ')[0])}"].append(outcome.case[0])
    print("\nReasons")
    for reason, found in sorted(seeds.items(), key=lambda item: -len(item[1])):
        print(f"{len(found):6d}  {reason[:150]}  (seeds {', '.join(map(str, found[:3]))})")
    print("\nOperators named in them")
    for operator, count in Counter(_operators(seeds)).most_common():
        print(f"{count:6d}  {operator}")


def _operators(seeds: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """Each operator once for each graph; reasons list them behind a colon."""
    for reason, found in seeds.items():
        _, colon, names = reason.rpartition("of the model: ")
        for name in names.rstrip(".").split(", ") if colon else ():
            yield from itertools.repeat(name, len(found))


def _print_shortest(case: tuple[int, int | None], targets: Sequence[str], keep: Path | None) -> None:
    case, outcomes = shortest(case, targets=targets)
    graph = build_for_ncnn(case[0], layers=case[1])
    print(f"\nseed {case[0]}, {len(graph.layers)} layers: {', '.join(graph.layers)}")
    for outcome in outcomes:
        print(f"    {outcome.target:10s}  {outcome.status}  {outcome.reason[:200]}")
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{case[0]}_{len(graph.layers)}.onnx").write_bytes(graph.model.SerializeToString())


if __name__ == "__main__":
    sys.exit(main())
