"""Models made to hurt: each is a result or an error in words, within its time and memory, and the next one works."""

from __future__ import annotations

import os
import time
from io import BytesIO

import numpy as np
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import SourceError
from core.onnx_model.inspect import inspect
from core.preflight import in_helper
from core.preflight.in_helper import check_targets_in_helper, inspect_in_helper
from pages.parts.paths.uploads import save_model
from small import conv_net

FLOAT = TensorProto.FLOAT
MOST_BYTES, MOST_SECONDS = 500_000_000, 25.0


def value(name, *shape):
    return helper.make_tensor_value_info(name, FLOAT, shape)


def model(nodes, *constants, **options):
    graph = helper.make_graph(nodes, "hostile", [value("x", 1, 4)], [value("y", 1, 4)], list(constants))
    return helper.make_model(graph, ir_version=8, **{"opset_imports": [helper.make_opsetid("", 17)], **options})


def scalar(name, number):
    return numpy_helper.from_array(np.array(number), name)


def range_bomb():
    """A constant of ten billion numbers, in three bytes."""
    nodes = [
        helper.make_node("Range", ["zero", "many", "one"], ["r"]),
        helper.make_node("Cast", ["r"], ["f"], to=FLOAT),
        helper.make_node("ReduceSum", ["f"], ["s"], keepdims=0),
        helper.make_node("Add", ["x", "s"], ["y"]),
    ]
    return model(nodes, scalar("zero", 0), scalar("many", 10**10), scalar("one", 1))


def doubling():
    """A shape that is concatenated with itself eighty times."""
    nodes, name = [], "c"
    for index in range(80):
        nodes.append(helper.make_node("Concat", [name, name], [f"c{index}"], axis=0))
        name = f"c{index}"
    nodes += [
        helper.make_node("ReduceSum", [name], ["s"], keepdims=0),
        helper.make_node("Cast", ["s"], ["f"], to=FLOAT),
        helper.make_node("Add", ["x", "f"], ["y"]),
    ]
    return model(nodes, numpy_helper.from_array(np.arange(4), "c"))


def function(name, *calls):
    nodes = [helper.make_node(call, ["a"], ["b"], domain="f") for call in calls]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    return helper.make_function("f", name, ["a"], ["b"], nodes, imports)


def nested_functions():
    """Each calls the next one twice, thirty deep: a thousand million nodes."""
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    functions = []
    for index in range(30):
        inner = f"F{index + 1}" if index < 29 else "Neg"
        domain = "f" if index < 29 else ""
        nodes = [
            helper.make_node(inner, ["a"], ["m"], domain=domain),
            helper.make_node(inner, ["m"], ["b"], domain=domain),
        ]
        functions.append(helper.make_function("f", f"F{index}", ["a"], ["b"], nodes, imports))
    return model([helper.make_node("F0", ["x"], ["y"], domain="f")], opset_imports=imports, functions=functions)


def functions_in_a_circle():
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
    functions = [function("F", "G"), function("G", "F")]
    return model([helper.make_node("F", ["x"], ["y"], domain="f")], opset_imports=imports, functions=functions)


def node_without_output():
    return model([helper.make_node("Relu", ["x"], []), helper.make_node("Neg", ["x"], ["y"])])


def node_without_input():
    return model([helper.make_node("Conv", [], ["y"])])


def outside(location):
    made = model([helper.make_node("Add", ["x", "w"], ["y"])])
    tensor = made.graph.initializer.add(name="w", data_type=FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return made


def weights_in_a_nameless_file():
    return outside("a\0b")


def metadata(**entries):
    made = model([helper.make_node("Neg", ["x"], ["y"])])
    helper.set_model_props(made, entries)
    return made


def names_with_mixed_keys():
    return metadata(names="{1: 'a', 'b': 'c'}")


def infinite_preprocessing():
    return metadata(**{"edgepress.preprocessing": '{"size": [1e999, 1]}'})


def deep_names():
    return metadata(names="[" * 100_000)


def constant_without_output():
    return model([helper.make_node("Constant", [], [], value_float=1.0), helper.make_node("Neg", ["x"], ["y"])])


def weights_twice():
    ones = numpy_helper.from_array(np.ones(4, np.float32), "w")
    return model([helper.make_node("Add", ["x", "w"], ["y"])], ones, ones)


def weights_of_a_size_below_zero():
    made = model([helper.make_node("Add", ["x", "w"], ["y"])], numpy_helper.from_array(np.ones(4, np.float32), "w"))
    made.graph.initializer[0].dims[:] = [-4]
    return made


def names_with_lists_as_keys():
    return metadata(names="{[]: 'a'}", imgsz="{[]: 1}")


def huge_input():
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])], "g", [value("x", 1 << 20, 1 << 20)], [value("y")]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def weights_in_a_file_of_a_long_name():
    return outside("a" * 5000)


def written(made, old, new):
    """A model with some of its bytes exchanged, which onnx itself would not write."""
    return made.SerializeToString().replace(old, new)


def metadata_that_is_no_text():
    return written(metadata(sixsix="value1"), b"value1", b"va\xff\xfe\x801")


def weights_in_a_file_whose_name_is_no_text():
    return written(outside("abcdef"), b"abcdef", b"ab\xff\xfe\x80f")


def node_whose_name_is_no_text():
    return written(model([helper.make_node("Neg", ["x"], ["y"], name="abcdef")]), b"abcdef", b"ab\xff\xfe\x80f")


HOSTILE = [
    constant_without_output,
    weights_twice,
    weights_of_a_size_below_zero,
    names_with_lists_as_keys,
    huge_input,
    weights_in_a_file_of_a_long_name,
    metadata_that_is_no_text,
    weights_in_a_file_whose_name_is_no_text,
    node_whose_name_is_no_text,
    range_bomb,
    doubling,
    nested_functions,
    functions_in_a_circle,
    node_without_output,
    node_without_input,
    weights_in_a_nameless_file,
    names_with_mixed_keys,
    infinite_preprocessing,
    deep_names,
]


class Peak:
    """The most memory of the helper process, looked at again and again."""

    def __init__(self, monkeypatch):
        self.bytes = 0
        seen = psutil.Process.memory_info

        def watched(process):
            found = seen(process)
            if process.pid == os.getpid():  # this one, which holds the whole test run
                return found
            self.bytes = max(self.bytes, found.rss)
            return found

        monkeypatch.setattr(psutil.Process, "memory_info", watched)


def saved(made, path):
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (constant_without_output, "lacks inputs or outputs"),
        (weights_twice, 'weights "w" fit no tensor'),
        (weights_of_a_size_below_zero, 'weights "w" fit no tensor'),
        (huge_input, "no memory"),
        (weights_in_a_file_of_a_long_name, "does not hold the weights"),
        (weights_in_a_file_whose_name_is_no_text, "which is missing"),
        (node_whose_name_is_no_text, r'the name "ab\\xff\\xfe\\x80f" in it is no text'),
    ],
)
def test_what_is_wrong_is_named(build, words, tmp_path):
    with pytest.raises(SourceError, match=words):
        inspect(saved(build(), tmp_path / "m.onnx"))


@pytest.mark.parametrize("build", [metadata_that_is_no_text, names_with_lists_as_keys])
def test_metadata_that_nobody_can_read_costs_no_model(build, tmp_path):
    source = inspect(saved(build(), tmp_path / "m.onnx"))
    assert source.class_names == () and source.training_size is None


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_called_like_a_model_but_is_no_file_is_told(kind, tmp_path):
    if kind == "pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("named pipes of Unix")
    (os.mkfifo if kind == "pipe" else os.mkdir)(tmp_path / "m.onnx")
    with pytest.raises(SourceError, match="is not a file, but a folder or something else"):
        inspect(tmp_path / "m.onnx")


@pytest.mark.parametrize("build", HOSTILE)
def test_a_hostile_model_is_an_answer_in_words(build, tmp_path, monkeypatch):
    path = saved(build(), tmp_path / "m.onnx")
    peak, start = Peak(monkeypatch), time.monotonic()
    try:
        source = inspect_in_helper(path)
        assert isinstance(source.class_names, tuple)
        assert check_targets_in_helper(source)
    except SourceError as exc:
        assert str(exc.reason) and str(exc.next_step)
    assert time.monotonic() - start < MOST_SECONDS and peak.bytes < MOST_BYTES


def test_after_a_model_that_takes_all_memory_the_next_one_is_read(tmp_path):
    path = conv_net(tmp_path / "net.onnx")
    with pytest.raises(SourceError, match="takes far more memory"):
        in_helper._call(path, bytearray, 10**10)  # what a library does that trusts a number in a file
    source = inspect_in_helper(path)
    assert source.parameters and check_targets_in_helper(source)


def test_a_model_on_which_reading_never_ends_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(in_helper, "_SECONDS", 0.3)
    monkeypatch.setattr(in_helper, "inspect", time.sleep)  # what a library that hangs does
    path = conv_net(tmp_path / "net.onnx")
    with pytest.raises(SourceError, match="takes more than"):
        in_helper._call(path, time.sleep, 60)


def test_an_upload_that_takes_all_memory_is_saved_all_the_same(tmp_path, monkeypatch):
    """Where its weights belong is read outside of the app's process, which it would take down."""
    monkeypatch.setenv("EDGEPRESS_HOME", str(tmp_path / "home"))
    upload = BytesIO(nested_functions().SerializeToString())
    upload.name = "bomb.onnx"
    assert save_model([upload]).name == "bomb.onnx"
