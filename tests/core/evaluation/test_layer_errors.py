"""The error of each layer of the new files against the source's."""

import dataclasses
import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.evaluation import layer_errors
from core.inputs.images import read_folder, split
from core.job.outcome import Artifact
from core.onnx_model.inspect import inspect
from core.onnx_model.weighted_layers import weighted_layers
from core.targets import TARGETS
from core.targets.onnx_fp16 import OnnxFp16
from detectors import topk_detector
from small import PREPROCESSING, conv_net, pictures

LAYERS = ["conv1", "conv2", "conv3", "fc"]
REDUCED = ("onnx_fp16", "onnx_quan_dy", "onnx_quan_st", "ncnn_fp16", "ncnn_quan")


def measure_layers(files, context, **limits):
    return layer_errors.measure_layers({target.id: (target, artifact) for target, artifact in files}, context, **limits)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A context and the files of every target; the classifier holds most weights, so that 8 bit is worth it."""
    folder = tmp_path_factory.mktemp("job")
    parts = split(read_folder(pictures(folder / "pictures", 12)))
    source = inspect(conv_net(folder / "net.onnx", classes=200))
    context = ConversionContext(source, PREPROCESSING, split=parts, folder=folder / "work")
    (folder / "work").mkdir()
    return context, [(target, target.make(context, folder, silent)) for target in TARGETS]


@pytest.fixture(scope="module")
def measured(job):
    context, files = job
    return measure_layers(files, context)


def spoiled(path, weight, folder):
    """The file with one weight's values in another order."""
    model = onnx.load(str(path))
    names = {weight + ending for ending in ("_half", "_int8", "_quantized")}
    (tensor,) = (one for one in model.graph.initializer if one.name in names)
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[::-1]), tensor.name))
    onnx.save(model, str(folder / path.name))
    return folder / path.name


def test_every_reduced_file_has_the_same_layers_in_the_order_of_the_graph(measured):
    assert {target: [layer.name for layer in layers] for target, layers in measured.items()} == {
        **dict.fromkeys(REDUCED, LAYERS),
        "ncnn": [],
    }
    assert [layer.operator for layer in measured["ncnn_quan"]] == ["Conv", "Conv", "Conv", "Gemm"]


def test_16_bit_is_near_the_source_and_8_bit_less_so(measured):
    for target in ("onnx_fp16", "ncnn_fp16"):
        assert all(layer.sqnr_db > 50 and layer.cosine > 0.99999 for layer in measured[target])
    for target in ("onnx_quan_st", "ncnn_quan"):
        assert all(layer.sqnr_db > 20 for layer in measured[target])
        for layer, in_16_bit in zip(measured[target], measured["onnx_fp16"], strict=True):
            assert layer.precision != "8 bit" or layer.sqnr_db < in_16_bit.sqnr_db - 10


def test_the_precision_of_each_layer_is_that_of_its_weights(measured):
    precisions = {target: [layer.precision for layer in layers] for target, layers in measured.items() if layers}
    assert precisions["onnx_fp16"] == ["16 bit"] * 4 and precisions["onnx_quan_st"] == ["8 bit"] * 4
    assert precisions["onnx_quan_dy"] == ["8 bit weights", "16 bit", "8 bit weights", "8 bit"]  # the smallest one
    assert precisions["ncnn_fp16"] == ["16 bit"] * 4
    assert precisions["ncnn_quan"] == ["16 bit", "16 bit", "8 bit", "8 bit"]


def test_a_layer_that_computes_as_the_source_does_shows_no_error(job, tmp_path):
    """Not even through a later layer: only the last one's weights are spoiled here."""
    context, _ = job
    model = onnx.load(str(context.source.path))
    for tensor in model.graph.initializer:
        if tensor.name == "wf":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), "wf_half"))
    model.graph.node.insert(0, helper.make_node("Cast", ["wf_half"], ["wf"], to=TensorProto.FLOAT))
    onnx.save(model, str(tmp_path / "one.onnx"))
    layers = measure_layers([(OnnxFp16(), Artifact("onnx_fp16", (tmp_path / "one.onnx",)))], context)["onnx_fp16"]
    assert [layer.precision for layer in layers] == ["float", "float", "float", "16 bit"]
    assert [layer.sqnr_db > 120 for layer in layers] == [True, True, True, False] and layers[3].sqnr_db > 50


@pytest.mark.parametrize("target", ["onnx_fp16", "onnx_quan_dy", "onnx_quan_st"])
def test_the_layer_that_was_spoiled_is_the_first_bad_one(job, tmp_path, target):
    context, files = job
    made = {one.id: (one, artifact) for one, artifact in files}
    kind, artifact = made[target]
    bad = dataclasses.replace(artifact, files=(spoiled(artifact.files[0], "w3", tmp_path),))
    layers = measure_layers([(kind, bad)], context)[target]
    assert [layer.sqnr_db > 20 for layer in layers] == [True, True, False, False]


def test_a_spoiled_ncnn_layer_is_found_too(job, tmp_path):
    from core.ncnn.model import NcnnModel

    context, files = job
    kind, artifact = next(pair for pair in files if pair[0].id == "ncnn_quan")
    model = NcnnModel.load(*artifact.files, inputs=artifact.inputs, outputs=artifact.outputs)
    convolutions = [index for index, layer in enumerate(model.param.layers) if layer.type == "ConvolutionDepthWise"]

    def negate(index, layer, arrays):
        if index not in convolutions:
            return layer, arrays
        return layer, (dataclasses.replace(arrays[0], values=-arrays[0].values), *arrays[1:])

    paths = model.edited(negate).save(tmp_path / "bad.param", tmp_path / "bad.bin")
    layers = measure_layers([(kind, dataclasses.replace(artifact, files=paths))], context)["ncnn_quan"]
    assert [layer.sqnr_db > 20 for layer in layers] == [True, False, False, False]


def test_small_groups_give_the_same_figures(job, measured):
    context, files = job
    in_parts = measure_layers(files, context, group_bytes=1)
    for target in REDUCED:
        for whole, part in zip(measured[target], in_parts[target], strict=True):
            assert (whole.name, whole.precision) == (part.name, part.precision)
            assert whole.sqnr_db == pytest.approx(part.sqnr_db, abs=0.01) or min(whole.sqnr_db, part.sqnr_db) > 60


def test_after_its_time_the_layers_that_were_not_reached_are_left_out(job):
    context, files = job
    early = measure_layers(files, context, seconds=0, group_bytes=1)
    assert {target: [layer.name for layer in layers] for target, layers in early.items() if layers} == dict.fromkeys(
        REDUCED, LAYERS[:1]
    )


def test_a_file_that_does_not_load_has_no_figures_and_its_neighbour_has(job, tmp_path):
    context, files = job
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    static = next(pair for pair in files if pair[0].id == "onnx_quan_st")
    found = measure_layers([(OnnxFp16(), Artifact("onnx_fp16", (broken,))), static], context)
    assert found["onnx_fp16"] == () and len(found["onnx_quan_st"]) == 4


def test_a_file_without_reduced_layers_is_not_measured(job):
    context, _ = job
    assert measure_layers([(OnnxFp16(), Artifact("onnx_fp16", (context.source.path,)))], context) == {"onnx_fp16": ()}


def test_an_output_that_is_not_finite_has_a_finite_figure(job, tmp_path):
    """In reports an infinite SQNR stands for no error at all."""
    context, files = job
    kind, artifact = next(pair for pair in files if pair[0].id == "onnx_fp16")
    model = onnx.load(str(artifact.files[0]))
    for tensor in model.graph.initializer:
        if tensor.name.startswith("w3"):
            values = np.full(tuple(tensor.dims), np.inf, np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, str(tmp_path / "infinite.onnx"))
    bad = dataclasses.replace(artifact, files=(tmp_path / "infinite.onnx",))
    layers = measure_layers([(kind, bad)], context)["onnx_fp16"]
    assert layers[2].sqnr_db == -100 and math.isfinite(layers[2].cosine)


def test_of_a_model_with_a_post_processing_the_layers_before_it_are_measured(tmp_path):
    (tmp_path / "work").mkdir()
    parts = split(read_folder(pictures(tmp_path / "pictures", 12)))
    context = ConversionContext(
        inspect(topk_detector(tmp_path / "m.onnx")), PREPROCESSING, split=parts, folder=tmp_path / "work"
    )
    files = [(target, target.make(context, tmp_path, silent)) for target in TARGETS if target.id != "onnx_quan_dy"]
    assert context.cut is not None
    measured = measure_layers(files, context)
    names = [layer.name for layer in measured["onnx_fp16"]]
    assert names and all(
        [layer.name for layer in measured[target]] == names for target in REDUCED if target in measured
    )
    assert all(layer.sqnr_db > 40 for layer in measured["onnx_fp16"])


def test_each_layer_has_its_weights_and_its_share_of_the_noise_where_that_was_measured(job):
    context, artifacts = job
    target, artifact = next((one, made) for one, made in artifacts if one.id == "onnx_quan_dy")
    layers = weighted_layers(context.prepared.clean.read())
    noise = {layers[0].tensors[0]: 3.0, layers[2].tensors[0]: 1.0, layers[3].tensors[0]: math.inf}
    found = measure_layers([(target, dataclasses.replace(artifact, sensitivity=noise))], context)[target.id]
    assert [layer.share for layer in found] == [0.75, None, 0.25, None]
    assert [layer.weights for layer in found] == [layer.weights for layer in layers]


@pytest.mark.parametrize(("room", "runs"), [(0, 6), (24, 4), (48, 2)])
def test_the_source_runs_once_for_all_files_as_far_as_memory_allows(room, runs):
    class Source:
        count = 0

        def run(self, feeds):
            self.count += 1
            return {"t": np.full(6, feeds["x"], np.float32)}

    source = Source()
    tensors = layer_errors._SourceTensors(source, [{"x": 1.0}, {"x": 2.0}], room)
    found = [tensors.of(number)["t"][0] for _ in range(3) for number in (0, 1)]
    assert found == [1.0, 2.0] * 3
    assert source.count == runs
