import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.progress import silent
from core.isolation.trial import measure_similarity
from core.quantization.onnx.calibration import collect_statistics
from core.quantization.onnx.dynamic import quantize_dynamic
from core.quantization.onnx.embeddings import store_embeddings_as_int8
from core.quantization.onnx.layers import name_nodes
from core.quantization.onnx.static import QUANTIZED_OPERATORS, quantize_static
from core.runtimes.onnx import OnnxPredictor
from small import save

RANDOM = np.random.default_rng(3)
TABLE = (RANDOM.standard_normal((500, 32)) * RANDOM.uniform(0.01, 10, (500, 1))).astype(np.float32)
IDS = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "length"])


def looked_up(path, *, axis=0, others=(), table=TABLE, weights=()):
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"], axis=axis), *others]
    output = helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(table.dtype), ["a", "b", "c"])
    return save(nodes, [IDS], [output], [numpy_helper.from_array(table, "table"), *weights], path)


def test_rows_are_looked_up_in_8_bit_each_with_its_own_scale(tmp_path):
    path = looked_up(tmp_path / "net.onnx")
    model = onnx.load(path)
    assert store_embeddings_as_int8(model) == 1 and model.ByteSize() < 0.3 * path.stat().st_size
    feeds = {"ids": RANDOM.integers(-500, 500, (1, 40))}
    expected, made = OnnxPredictor(path).run(feeds)["y"], OnnxPredictor(model).run(feeds)["y"]
    assert made.shape == expected.shape
    assert (np.abs(made - expected).max(axis=-1) <= 0.51 / 127 * np.abs(expected).max(axis=-1)).all()


def test_two_lookups_share_a_table(tmp_path):
    path = looked_up(tmp_path / "net.onnx", others=[helper.make_node("Gather", ["table", "ids"], ["z"])])
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["a", "b", "c"]))
    assert store_embeddings_as_int8(model) == 1
    outputs = OnnxPredictor(model).run({"ids": np.array([[1, 2]])})
    assert np.array_equal(outputs["y"], outputs["z"])


@pytest.mark.parametrize(
    "given",
    [
        {"axis": 1},
        {"others": [helper.make_node("Transpose", ["table"], ["z"])]},
        {"table": TABLE[:10]},
        {"table": np.where(TABLE > 5, np.float32(np.inf), TABLE)},
        {"table": TABLE.astype(np.float64)},
    ],
    ids=["columns", "read as a matrix too", "small", "infinite", "double"],
)
def test_what_is_no_such_table_stays_as_it_is(tmp_path, given):
    model = onnx.load(looked_up(tmp_path / "net.onnx", **given))
    before = model.SerializeToString()
    assert store_embeddings_as_int8(model) == 0 and model.SerializeToString() == before


@pytest.mark.parametrize("quantize", ["static", "dynamic"])
def test_a_layer_after_the_lookup_is_quantised_as_any_other(tmp_path, quantize):
    """Its input has a scale of its own, which must not take the name of the rows' scales."""
    weight = numpy_helper.from_array(RANDOM.standard_normal((32, 64)).astype(np.float32), "w")
    path = looked_up(tmp_path / "net.onnx", others=[helper.make_node("MatMul", ["y", "w"], ["z"])], weights=[weight])
    model = onnx.load(path)
    model.graph.output[0].name = "z"
    onnx.save(model, path)
    samples = [{"ids": RANDOM.integers(0, 500, (1, 40))} for _ in range(12)]
    references = [(sample, OnnxPredictor(path).run(sample)) for sample in samples[:2]]
    name_nodes(model)
    if quantize == "static":
        statistics = collect_statistics(model, samples, operators=QUANTIZED_OPERATORS, count=12)
        made = quantize_static(model, statistics).model
    else:
        options = {"max_bytes": 10**6, "scratch": tmp_path / "scratch.onnx", "progress": silent}
        made = quantize_dynamic(lambda: onnx.load(path), references, **options).model
    assert made.ByteSize() < 0.35 * path.stat().st_size
    (difference,) = measure_similarity(made, references)
    assert difference.cosine > 0.999
