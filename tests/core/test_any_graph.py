"""Whatever comes in, what comes out is right, refused, or explained; benchmarks/random_graphs.py tries thousands."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from random_graphs import build, convert, damage, steps

QUICK = ("onnx_fp16", "onnx_quan_dy")


def quick(examples):
    return settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@quick(200)
@given(recipe=steps, opset=st.sampled_from([11, 13, 17, 18, 20]), free=st.booleans())
def test_random_graphs_come_out_right_or_are_explained(recipe, opset, free):
    for reason in convert(build(recipe, opset=opset, free=free), QUICK).values():
        assert reason


@quick(60)
@given(recipe=steps, opset=st.sampled_from([13, 17, 20]), free=st.booleans())
def test_so_do_calibrated_ones(recipe, opset, free):
    for reason in convert(build(recipe, opset=opset, free=free), ("onnx_quan_st",)).values():
        assert reason


@quick(300)
@given(
    recipe=steps,
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
    keep=st.sampled_from([1.0] * 8 + [0.99, 0.01]),
)
def test_damaged_files_come_out_right_or_are_explained(recipe, places, keep):
    for reason in convert(damage(build(recipe, opset=17, free=False), places, keep=keep), QUICK).values():
        assert reason
