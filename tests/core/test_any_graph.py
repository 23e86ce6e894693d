"""Property-based: any graph and any damaged file ends in a right file, a refusal or an explanation.

The seeds differ from run to run; Hypothesis prints a failing example with the decorator that reproduces it.
benchmarks/random_graphs.py tries thousands.
"""

from collections import Counter
from collections.abc import Callable

import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from random_graphs import MAX_ERROR, RIGHT, build, byte_changes, convert, damage, layer_specs

QUICK = ("onnx_fp16", "onnx_quan_dy")


def check_many(examples: int, check: Callable[..., dict[str, str]], **strategies) -> Counter[tuple[str, str]]:
    """Run a check on generated arguments; count what became of each target."""
    outcomes: Counter[tuple[str, str]] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=False,  # which Hypothesis turns on by itself where CI is set
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(**strategies)
    def check_one(**arguments):
        for target, outcome in check(**arguments).items():
            assert outcome, f"no reason is given for {target}"
            outcomes[target, outcome] += 1

    check_one()
    return outcomes


def share_right(outcomes: Counter[tuple[str, str]], target: str, examples: int) -> float:
    return outcomes[target, RIGHT] / examples


# Without a minimum of right files, a converter that refuses everything would pass. Each minimum is two thirds of the
# lowest share in a dozen runs with different seeds; the comments give the range.


def test_random_graphs_come_out_right_or_are_explained():
    outcomes = check_many(
        200,
        lambda layers, opset, free_batch: convert(build(layers, opset=opset, free_batch=free_batch), QUICK),
        layers=layer_specs,
        opset=st.sampled_from([11, 13, 17, 18, 20]),
        free_batch=st.booleans(),
    )
    assert share_right(outcomes, "onnx_fp16", 200) > 0.54, outcomes  # measured: 0.81 to 0.95
    assert share_right(outcomes, "onnx_quan_dy", 200) > 0.23, outcomes  # 0.35 to 0.61


def test_so_do_calibrated_ones():
    outcomes = check_many(
        60,
        lambda layers, opset, free_batch: convert(build(layers, opset=opset, free_batch=free_batch), ("onnx_quan_st",)),
        layers=layer_specs,
        opset=st.sampled_from([13, 17, 20]),
        free_batch=st.booleans(),
    )
    assert share_right(outcomes, "onnx_quan_st", 60) > 0.15, outcomes  # 0.23 to 0.73


def test_damaged_files_come_out_right_or_are_explained():
    outcomes = check_many(
        300,
        lambda layers, changes, keep: convert(
            damage(build(layers, opset=17, free_batch=False), changes, keep=keep), QUICK
        ),
        layers=layer_specs,
        changes=byte_changes,
        keep=st.sampled_from([1.0] * 8 + [0.99, 0.01]),
    )
    # How many files no runtime takes varies a lot, so the shares are those of the others.
    whole = 300 - sum(count for (target, _), count in outcomes.items() if target == "source")
    assert whole > 40, outcomes  # 92 to 103
    assert share_right(outcomes, "onnx_fp16", whole) > 0.53, outcomes  # 0.79 to 0.82
    assert share_right(outcomes, "onnx_quan_dy", whole) > 0.16, outcomes  # 0.24 to 0.34


LAYERS = [("Conv", 1, 1.0), ("Relu", 2, 1.0), ("Gemm", 3, 1.0)]


def test_a_name_of_the_graph_that_is_no_text_costs_no_file():
    content = build(LAYERS, opset=17, free_batch=False).replace(b"random", b"rand\xdam")
    assert convert(content) == dict.fromkeys(MAX_ERROR, RIGHT)


def test_an_output_declared_with_a_wrong_type_is_compared_with_the_repaired_source():
    """Which onnxruntime does not load: the comparison itself failed, once in many runs."""
    model = onnx.load_from_string(build(LAYERS, opset=17, free_batch=False))
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    assert convert(model.SerializeToString())["onnx_quan_dy"] == RIGHT


def test_weights_that_are_no_numbers_stay_in_float():
    """A byte turned one into NaN; a cast to whole numbers then made the file 2^31 times too small."""
    layers = [("Conv", 0, 1e-6), ("Concat", 0, 1e-6), ("Cast", 0, 1e-6), ("Abs", 0, 1e-6)]
    content = damage(build(layers, opset=17, free_batch=False), [(0.296875, 127)], keep=1.0)
    assert convert(content, QUICK) == dict.fromkeys(QUICK, RIGHT)
