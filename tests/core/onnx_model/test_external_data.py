import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import SourceError
from core.conversion.prepare import load_source
from core.onnx_model import inspect as inspect_module
from core.onnx_model.cost import cost_of
from core.onnx_model.external_data import external_tensors, load_structure
from core.onnx_model.inspect import inspect
from core.preflight.preflight import check_targets
from core.runtimes.source import open_source
from small import SIZE, conv_net, save

FEEDS = {"input": np.random.default_rng(0).random((1, 3, SIZE, SIZE)).astype(np.float32)}


def move_out(tensor, folder, location, *, padding=0, without=()):
    """Append the values to a file in the folder, after some other bytes, and name their place."""
    file = folder / location
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as data:
        data.write(b"\x7f" * padding)
        entries = {"location": location, "offset": data.tell(), "length": len(tensor.raw_data)}
        data.write(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        if key not in without:
            tensor.external_data.add(key=key, value=str(value))


@pytest.fixture
def net(tmp_path):
    """Writes a convolutional net after an edit, and returns its path."""

    def write(edit):
        path = conv_net(tmp_path / "net.onnx")
        model = onnx.load(str(path))
        edit(model.graph)
        path.write_bytes(model.SerializeToString())
        return path

    return write


def each(folder, place, **how):
    """An edit that moves every weight out, to the place that a function of its number and name gives."""

    def edit(graph):
        for number, tensor in enumerate(graph.initializer):
            move_out(tensor, folder, place(number, tensor.name), **how)

    return edit


def assert_same_as_inside(path, folder):
    expected = open_source(conv_net(folder / "inside" / "net.onnx"), threads=1).run(FEEDS)["scores"]
    np.testing.assert_array_equal(open_source(path, threads=1).run(FEEDS)["scores"], expected)
    model = load_source(path)
    assert not external_tensors(model.graph)
    for tensor in onnx.load(str(folder / "inside" / "net.onnx")).graph.initializer:
        found = next(one for one in model.graph.initializer if one.name == tensor.name)
        np.testing.assert_array_equal(numpy_helper.to_array(found), numpy_helper.to_array(tensor))


@pytest.mark.parametrize(
    ("place", "how"),
    [
        (lambda *_: "w.bin", {"padding": 9}),
        (lambda *_: "w.bin", {"without": ("length",)}),
        (lambda number, _: f"w{number % 3}.bin", {}),
        (lambda _, name: name, {"without": ("offset", "length")}),
        (lambda *_: "deep/er/w.bin", {}),
        (lambda *_: "我的 权重 é.bin", {}),
    ],
    ids=["offsets", "no length", "several files", "one for each", "subfolder", "spaces and other letters"],
)
def test_weights_outside_are_those_inside(net, tmp_path, place, how):
    path = net(each(tmp_path, place, **how))
    assert_same_as_inside(path, tmp_path)
    assert inspect(path).parameters == inspect(tmp_path / "inside" / "net.onnx").parameters


def test_so_are_those_of_a_file_with_two_names(net, tmp_path):
    path = net(each(tmp_path, lambda *_: "w.bin"))
    (tmp_path / "backup.bin").hardlink_to(tmp_path / "w.bin")
    assert_same_as_inside(path, tmp_path)


def branches(folder, location):
    """A model that doubles or halves, both factors outside: an initializer of one branch, a constant in the other."""
    factors = {name: numpy_helper.from_array(np.float32([value]), name) for name, value in (("two", 2), ("half", 0.5))}
    for tensor in factors.values():
        move_out(tensor, folder, location)
    result = [helper.make_tensor_value_info("r", TensorProto.FLOAT, [1])]
    constant = helper.make_node("Constant", [], ["half"], value=factors["half"])
    products = [helper.make_node("Mul", ["x", name], ["r"]) for name in factors]
    then_branch = helper.make_graph([products[0]], "then", [], result, [factors["two"]])
    else_branch = helper.make_graph([constant, products[1]], "else", [], result)
    nodes = [
        helper.make_node("Greater", ["x", "zero"], ["is_positive"]),
        helper.make_node("If", ["is_positive"], ["y"], then_branch=then_branch, else_branch=else_branch),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph(
        nodes, "g", values[:1], values[1:], [numpy_helper.from_array(np.zeros(1, np.float32), "zero")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "branches.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_branches_and_constants_may_have_theirs_outside(tmp_path):
    path = branches(tmp_path, "w.bin")
    assert inspect(path).parameters == 3
    model = load_source(path)
    assert not external_tensors(model.graph)
    alone = tmp_path / "alone" / "model.onnx"
    alone.parent.mkdir()
    alone.write_bytes(model.SerializeToString())
    for one in (path, alone):
        predictor = open_source(one, threads=1)
        results = [predictor.run({"x": np.float32([value])})["y"].item() for value in (3, -3)]
        assert results == [6, -1.5]


def test_those_of_branches_are_checked_too(tmp_path):
    path = branches(tmp_path, "w.bin")
    (tmp_path / "w.bin").unlink()
    with pytest.raises(SourceError, match=r"w\.bin.*missing"):
        inspect(path)
    (tmp_path / "in").mkdir()
    with pytest.raises(SourceError, match="outside its own folder"):
        inspect(branches(tmp_path / "in", "../out.bin"))


@pytest.mark.parametrize(
    ("key", "value"), [("offset", "-4"), ("offset", "x"), ("offset", "9999999"), ("length", "4"), ("length", "9999999")]
)
def test_places_that_do_not_fit_are_refused(net, tmp_path, key, value):
    def edit(graph):
        each(tmp_path, lambda *_: "w.bin")(graph)
        next(entry for entry in graph.initializer[1].external_data if entry.key == key).value = value

    with pytest.raises(SourceError, match=r"w\.bin.*does not hold the weights"):
        inspect(net(edit))


def test_a_whole_path_is_refused_even_into_the_folder(net, tmp_path):
    with pytest.raises(SourceError, match="whole path"):
        inspect(net(each(tmp_path, lambda *_: str(tmp_path / "w.bin"))))


def test_a_link_that_leads_outside_is_said_to_be_one(net, tmp_path):
    path = net(each(tmp_path, lambda *_: "w.bin"))
    (tmp_path / "w.bin").rename(tmp_path.parent / f"{tmp_path.name}.bin")
    (tmp_path / "w.bin").symlink_to(tmp_path.parent / f"{tmp_path.name}.bin")
    with pytest.raises(SourceError, match="only a link"):
        inspect(path)


def test_a_missing_file_in_a_subfolder_has_the_fitting_next_step(net, tmp_path):
    path = net(each(tmp_path, lambda *_: "sub/w.bin"))
    (tmp_path / "sub" / "w.bin").unlink()
    with pytest.raises(SourceError) as caught:
        inspect(path)
    assert "where the model looks" in str(caught.value.next_step)


def test_only_what_the_model_uses_of_a_large_file_counts(net, tmp_path):
    path = net(each(tmp_path, lambda *_: "w.bin"))
    used = (tmp_path / "w.bin").stat().st_size
    with (tmp_path / "w.bin").open("ab") as shared:
        shared.truncate(3 << 30)  # sparse
    assert inspect(path).size_bytes == path.stat().st_size + used


def large(folder, dtype, gigabytes):
    """A matrix product with a sparse file of weights."""
    weight = onnx.TensorProto(name="w", data_type=dtype, data_location=TensorProto.EXTERNAL)
    size = helper.tensor_dtype_to_np_dtype(dtype).itemsize
    weight.dims.extend([1000, int(gigabytes * 1e6) // size])
    weight.external_data.add(key="location", value="w.bin")
    values = [helper.make_tensor_value_info(name, dtype, [1, None]) for name in "xy"]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", values[:1], values[1:], [weight])
    path = folder / "large.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    with (folder / "w.bin").open("wb") as file:
        file.truncate(int(gigabytes * 1e6) // size * size * 1000)
    return path


@pytest.mark.parametrize(
    ("dtype", "gigabytes", "said"),
    [(TensorProto.FLOAT, 2.2, r"holds 2\.2 GB"), (TensorProto.FLOAT16, 1.5, r"would hold 3\.0 GB in 32 bit")],
)
def test_more_than_one_file_holds_is_told_before_anything_is_read(tmp_path, dtype, gigabytes, said):
    with pytest.raises(SourceError, match=said):
        inspect(large(tmp_path, dtype, gigabytes))


def test_weights_stored_once_for_several_tensors_count_for_each_in_one_file(net, tmp_path, monkeypatch):
    def edit(graph):
        each(tmp_path, lambda *_: "w.bin")(graph)
        for number in range(3):
            graph.initializer.add().CopyFrom(graph.initializer[0])
            graph.initializer[-1].name = f"copy{number}"

    path = net(edit)
    size = inspect(path).size_bytes
    assert size == path.stat().st_size + (tmp_path / "w.bin").stat().st_size
    monkeypatch.setattr(inspect_module, "_MAX_PROTOBUF_BYTES", size + 1)
    with pytest.raises(SourceError, match="GB"):
        inspect(path)


def test_shapes_in_other_files_are_known_before_anything_runs(tmp_path):
    def model(move):
        weights = [
            numpy_helper.from_array(np.array([1, 64, 48], np.int64), "shape"),
            numpy_helper.from_array(np.ones((48, 300), np.float32), "w"),
        ]
        nodes = [helper.make_node("Reshape", ["x", "shape"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["y"])]
        values = [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32]),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64, 300]),
        ]
        path = save(nodes, values[:1], values[1:], weights, tmp_path / f"{move}.onnx")
        if move:
            loaded = onnx.load(str(path))
            for tensor in loaded.graph.initializer:
                move_out(tensor, tmp_path, "w.bin")
            path.write_bytes(loaded.SerializeToString())
        return path

    inside, outside = model(False), model(True)
    assert cost_of(outside) == cost_of(inside) and cost_of(inside).macs == 64 * 48 * 300
    assert [one.name for one in external_tensors(load_structure(outside, most_elements=64).graph)] == ["w"]
    statuses = [[result.status for result in check_targets(inspect(path))] for path in (inside, outside)]
    assert statuses[0] == statuses[1]
