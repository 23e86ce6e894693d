"""Lists that a model makes long out of a few numbers, wherever they are: the process that proposes how pictures are
prepared, and the one that reads models, stay small and answer in words.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from core.common.errors import EdgePressError
from core.common.memory import at_most_more
from core.common.paths import PROJECT_ROOT
from core.inputs.infer_in_subprocess import infer_in_subprocess
from core.onnx_model.shapes import infer_shapes
from core.preflight.in_helper import check_targets_in_helper, inspect_in_helper

MANY = 600_000_000
MOST_BYTES, MOST_SECONDS = 1_500_000_000, 60.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures the memory of processes that have ended")


def number(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def scalar(name, value):
    return numpy_helper.from_array(np.array(value, np.int64), name)


def tile():
    return [helper.make_node("Tile", ["one", "many"], ["list"])], [number("one", 1), number("many", MANY)]


def expand():
    return [helper.make_node("Expand", ["one", "many"], ["list"])], [number("one", 1), number("many", MANY)]


def pad():
    return [helper.make_node("Pad", ["one", "many"], ["list"])], [number("one", 1), number("many", 0, MANY)]


def window():
    nodes = [
        helper.make_node("HannWindow", ["many"], ["window"]),
        helper.make_node("Cast", ["window"], ["list"], to=TensorProto.INT64),
    ]
    return nodes, [scalar("many", MANY)]


def count_up():
    return [helper.make_node("Range", ["zero", "many", "step"], ["list"])], [
        scalar("zero", 0),
        scalar("many", MANY),
        scalar("step", 1),
    ]


def sizes_multiplied():
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Mul", ["shape", "many"], ["large"]),
        helper.make_node("ConstantOfShape", ["large"], ["floats"]),
        helper.make_node("Cast", ["floats"], ["list"], to=TensorProto.INT64),
    ]
    return nodes, [number("many", 20_000, 10_000)]


def broadcast():
    """Six lists of 64 numbers, along six axes."""
    nodes = [helper.make_node("Sum", [f"l{axis}" for axis in range(6)], ["list"])]
    shapes = [[64 if at == axis else 1 for at in range(6)] for axis in range(6)]
    return nodes, [
        numpy_helper.from_array(np.zeros(shape, np.float32), f"l{axis}") for axis, shape in enumerate(shapes)
    ]


LISTS = [tile, expand, pad, window, count_up, sizes_multiplied, broadcast]


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def ends():
    """The list becomes one number, which is added to the input."""
    return [
        helper.make_node("Cast", ["list"], ["asfloat"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["asfloat"], ["s"], keepdims=0),
    ]


def in_the_graph(build):
    nodes, constants = build()
    return helper.make_graph(
        [*nodes, *ends(), helper.make_node("Add", ["x", "s"], ["y"])],
        "g",
        [value("x", 2, 3)],
        [value("y", 2, 3)],
        constants,
    ), []


def in_a_branch(build):
    nodes, constants = build()
    branch = helper.make_graph([*nodes, *ends()], "branch", [], [value("s")], constants)
    other = helper.make_graph(
        [helper.make_node("Constant", [], ["s"], value_float=1.0)],
        "other",
        [],
        [value("s")],
    )
    choose = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["sum"], ["yes"], to=TensorProto.BOOL),
        helper.make_node("If", ["yes"], ["s"], then_branch=branch, else_branch=other),
        helper.make_node("Add", ["x", "s"], ["y"]),
    ]
    return helper.make_graph(choose, "g", [value("x", 2, 3)], [value("y", 2, 3)]), []


def in_a_function(build):
    nodes, constants = build()
    given = [helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in constants]
    function = helper.make_function(
        "own",
        "Long",
        ["x"],
        ["y"],
        [*given, *nodes, *ends(), helper.make_node("Add", ["x", "s"], ["y"])],
        [helper.make_opsetid("", 17)],
    )
    call = helper.make_node("Long", ["x"], ["y"], domain="own")
    return helper.make_graph([call], "g", [value("x", 2, 3)], [value("y", 2, 3)]), [function]


def built(place, build):
    graph, functions = place(build)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=imports, functions=functions, ir_version=8)


@pytest.mark.parametrize("build", LISTS)
@pytest.mark.parametrize("place", [in_the_graph, in_a_branch, in_a_function])
def test_a_long_list_costs_neither_memory_nor_time(place, build, tmp_path):
    save(built(place, build), str(tmp_path / "m.onnx"))
    start = time.monotonic()
    used = most_memory_of(tmp_path / "m.onnx")
    assert time.monotonic() - start < MOST_SECONDS and used < MOST_BYTES


def most_memory_of(path: Path) -> int:
    """Of any process that had to do with the model, in bytes: that of a fresh one, and of all that it started."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, __file__, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def read_and_propose(path: Path) -> None:
    try:
        source = inspect_in_helper(path)
        check_targets_in_helper(source)
        infer_in_subprocess(source, timeout=60.0)
    except EdgePressError as exc:
        assert str(exc.reason) and str(exc.next_step)


def test_sizes_that_follow_from_short_lists_are_still_followed():
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Tile", ["three", "two"], ["threes"]),
        helper.make_node("Mul", ["shape", "threes"], ["larger"]),
        helper.make_node("ConstantOfShape", ["larger"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "g", [value("x", 2, 3)], [value("y", None, None)], [number("three", 30), number("two", 2)]
    )
    inferred = infer_shapes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    assert [size.dim_value for size in inferred.graph.output[0].type.tensor_type.shape.dim] == [60, 90]


def test_a_process_has_no_more_memory_than_it_may_and_afterwards_has_it_again():
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with at_most_more(50_000_000), pytest.raises(MemoryError):
        bytearray(200_000_000)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before and len(bytearray(200_000_000)) == 200_000_000


if __name__ == "__main__":
    import resource

    read_and_propose(Path(sys.argv[1]))
    from core.preflight import in_helper

    in_helper._helper.close()
    # Not ru_maxrss of this process, which counts what its parent had when it was forked.
    own = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert own is not None
    print(1024 * max(int(own[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))  # noqa: T201 - its answer
