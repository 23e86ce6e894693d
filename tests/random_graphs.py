"""Property-based testing: small random graphs and damaged files, converted and checked by onnxruntime alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
import onnxruntime as ort
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from core.common.errors import EdgePressError
from core.common.progress import silent
from core.conversion.context import ConversionContext
from core.evaluation.verdict import judge_numbers
from core.inputs.images import Split
from core.isolation.trial import measure_similarity
from core.onnx_model.inspect import inspect
from core.preflight.preflight import check_targets
from core.runtimes.onnx import OnnxPredictor
from core.runtimes.source import open_source
from core.targets import target_by_id
from small import PREPROCESSING

CHANNELS, SIDE = 8, 6

MAX_ERROR = {"onnx_fp16": 0.07, "onnx_quan_dy": 0.7, "onnx_quan_st": 0.7}
"""Target -> largest relative error of a right file, |output - expected| / |expected| over all samples."""

RIGHT = "right"

LayerSpec: TypeAlias = tuple[str, int, float]
"""Operator or pattern, seed of its weights, scale of its weights."""

_ELEMENTWISE = [
    *("Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Sqrt", "Exp", "Softmax", "Identity", "Dropout", "Erf", "Floor"),
]
_PATTERNS = [
    *("Conv", "Depthwise", "MatMul", "Add", "Mul", "Cast", "Resize", "Concat", "Transpose", "If", "Shape"),
    *("ConstantOfShape", "Constant", "Where", "LayerNormalization", "ReduceMean", "Clip", "Shared", "Residual"),
    *("SecondInput", "SecondOutput", "LSTM", "GRU", "ConvTranspose", "Gemm", "Embedding", "Double", "Attention"),
    *("Reductions", "BatchNormalization", "SharedWeight", "SplitParts", "PadAndSlice", "PRelu", "Loop", "Sequence"),
]

layer_specs = st.lists(
    st.tuples(
        st.sampled_from(_ELEMENTWISE + 2 * _PATTERNS),
        st.integers(0, 2**16),
        st.sampled_from([1e-6, 1e-2, 1, 1, 1, 1e5]),
    ),
    min_size=1,
    max_size=9,
)

byte_changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8)
"""Place as a fraction of the length, and the new value."""


class _Builder:
    """Adds layers one after the other; every tensor between them has the shape (1, CHANNELS, SIDE, SIDE)."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []
        self.last = "x"
        self.inputs = ["x"]
        self.more_outputs: list[str] = []

    def add(self, operator: str, seed: int, scale: float) -> None:
        random = np.random.default_rng(seed)
        add_pattern = getattr(self, f"_{operator.lower()}", None)
        if add_pattern is None:
            self._node(operator, [self.last])
        else:
            add_pattern(random, scale)

    def _node(self, operator: str, inputs: list[str], **attributes) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        self.last = name
        return name

    def _weight(self, array) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def _random(self, random, *shape, scale=1.0) -> str:
        return self._weight((scale * random.standard_normal(shape)).astype(np.float32))

    def _conv(self, random, scale):
        weight = self._random(random, CHANNELS, CHANNELS, 3, 3, scale=scale / 8)
        self._node("Conv", [self.last, weight], pads=[1] * 4)

    def _depthwise(self, random, scale):
        weight = self._random(random, CHANNELS, 1, 3, 3, scale=scale / 3)
        self._node("Conv", [self.last, weight], pads=[1] * 4, group=CHANNELS)

    def _matmul(self, random, scale):
        self._node("MatMul", [self.last, self._random(random, SIDE, SIDE, scale=scale / 2)])

    def _add(self, random, scale):
        self._node("Add", [self.last, self._random(random, 1, CHANNELS, 1, 1, scale=scale)])

    def _mul(self, random, scale):
        self._node("Mul", [self.last, self._weight(np.float32(scale))])

    def _shared(self, random, scale):
        weight = self._random(random, 1, CHANNELS, SIDE, SIDE)
        self._node("Add", [self._node("Mul", [self.last, weight]), weight])

    def _cast(self, random, scale):
        whole = self._node("Cast", [self.last], to=TensorProto.INT32)
        self._node("Add", [self._node("Cast", [whole], to=TensorProto.FLOAT), self._weight(np.float32(1))])

    def _resize(self, random, scale):
        for factor in (2.0, 0.5):
            scales = self._weight(np.array([1, 1, factor, factor], np.float32))
            self._node("Resize", [self.last, "", scales], mode="nearest")

    def _concat(self, random, scale):
        double = self._node("Concat", [self.last, "x"], axis=1)
        weight = self._random(random, CHANNELS, 2 * CHANNELS, 1, 1, scale=scale / 4)
        self._node("Conv", [double, weight])

    def _transpose(self, random, scale):
        self._node("Transpose", [self.last], perm=[0, 1, 3, 2])

    def _if(self, random, scale):
        last = self.last
        total = self._node("ReduceMax", ["x"], keepdims=0)
        flag = self._node("Greater", [total, self._weight(np.float32(scale))])
        branches = {}
        for side in ("then", "else"):
            inner = helper.make_node("MatMul", [last, f"{flag}_{side}_w"], [f"{flag}_{side}"])
            weight = numpy_helper.from_array(
                random.standard_normal((SIDE, SIDE)).astype(np.float32), f"{flag}_{side}_w"
            )
            info = helper.make_tensor_value_info(f"{flag}_{side}", TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE])
            branches[f"{side}_branch"] = helper.make_graph([inner], side, [], [info], [weight])
        self._node("If", [flag], **branches)

    def _loop(self, random, scale):
        weight = self._random(random, SIDE, SIDE, scale=0.4)
        value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE]) for name in "vr"]
        flags = [helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on")]
        count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
        inner = [helper.make_node("MatMul", ["v", weight], ["r"]), helper.make_node("Identity", ["go"], ["on"])]
        body = helper.make_graph(inner, "body", [count, flags[0], value[0]], [flags[1], value[1]])
        self._node("Loop", [self._weight(np.int64(2)), self._weight(np.array(True)), self.last], body=body)

    def _sequence(self, random, scale):
        parts = self._node("SplitToSequence", [self.last, self._weight(np.int64(3))], axis=2)
        self._node("ConcatFromSequence", [parts], axis=2)

    def _residual(self, random, scale):
        tensor = self.last
        self._conv(random, scale)
        self._node("Add", [tensor, self._node("Relu", [self.last])])

    def _secondinput(self, random, scale):
        self.inputs = ["x", "z"]
        self._node("Add", [self.last, self._node("MatMul", ["z", self._random(random, SIDE, SIDE, scale=scale)])])

    def _secondoutput(self, random, scale):
        """Makes the tensor an output of the model too."""
        self.more_outputs.append(self.last)
        self._node("Relu", [self.last])

    def _lstm(self, random, scale, *, operator="LSTM", gates=4):
        width = SIDE * SIDE
        rows = self._node("Reshape", [self.last, self._weight(np.array([CHANNELS, 1, width]))])
        weights = [self._random(random, 1, gates * width, width, scale=0.2) for _ in range(2)]
        self._node(operator, [rows, *weights], hidden_size=width)
        self._node("Reshape", [self.last, self._weight(np.array([1, CHANNELS, SIDE, SIDE]))])

    def _gru(self, random, scale):
        self._lstm(random, scale, operator="GRU", gates=3)

    def _convtranspose(self, random, scale):
        weight = self._random(random, CHANNELS, CHANNELS, 3, 3, scale=scale / 8)
        self._node("ConvTranspose", [self.last, weight], pads=[1] * 4)

    def _gemm(self, random, scale):
        rows = self._node("Reshape", [self.last, self._weight(np.array([-1, SIDE]))])
        self._node("Gemm", [rows, self._random(random, SIDE, SIDE, scale=scale), self._random(random, SIDE)], transB=1)
        self._node("Reshape", [self.last, self._weight(np.array([1, CHANNELS, SIDE, SIDE]))])

    def _embedding(self, random, scale):
        tensor = self.last
        places = self._node("ArgMax", ["x"], axis=3, keepdims=0)
        self._node("Add", [tensor, self._node("Gather", [self._random(random, 200, SIDE, scale=scale), places])])

    def _double(self, random, scale):
        double = self._node("Cast", [self.last], to=TensorProto.DOUBLE)
        product = self._node("MatMul", [double, self._weight(scale * random.standard_normal((SIDE, SIDE)))])
        self._node("Cast", [product], to=TensorProto.FLOAT)

    def _attention(self, random, scale):
        tensor = self.last
        key = self._node("MatMul", [tensor, self._random(random, SIDE, SIDE, scale=scale)])
        scores = self._node("MatMul", [tensor, self._node("Transpose", [key], perm=[0, 1, 3, 2])])
        self._node("MatMul", [self._node("Softmax", [scores], axis=-1), tensor])

    def _reductions(self, random, scale):
        tensor = self.last
        for operator in random.choice(["ReduceMax", "ReduceL2", "ReduceSumSquare", "ReduceMin"], 2, replace=False):
            if self.opset < 18:
                reduced = self._node(str(operator), [tensor], axes=[1], keepdims=1)
            else:
                reduced = self._node(str(operator), [tensor, self._weight(np.array([1]))], keepdims=1)
            tensor = self._node("Sub", [tensor, reduced])

    def _batchnormalization(self, random, scale):
        weights = [self._random(random, CHANNELS) for _ in range(3)]
        variance = self._weight((scale * (0.1 + random.random(CHANNELS))).astype(np.float32))
        self._node("BatchNormalization", [self.last, *weights, variance])

    def _sharedweight(self, random, scale):
        tensor, weight = self.last, self._random(random, CHANNELS, CHANNELS, 1, 1, scale=scale / 3)
        self._node("Sub", [self._node("Conv", [tensor, weight]), self._node("Conv", ["x", weight])])

    def _splitparts(self, random, scale):
        parts = [f"{self.last}_{len(self.nodes)}_{part}" for part in "ab"]
        lengths = {"split": [3, 5]} if self.opset < 13 else {}
        more = [] if self.opset < 13 else [self._weight(np.array([3, 5]))]
        self.nodes.append(helper.make_node("Split", [self.last, *more], parts, axis=1, **lengths))
        self._node("Concat", [self._node("Neg", parts[1:]), parts[0]], axis=1)

    def _padandslice(self, random, scale):
        padded = self._node("Pad", [self.last, self._weight(np.array([0, 0, 1, 2, 0, 0, 2, 1]))], mode="reflect")
        self._node("Slice", [padded, *(self._weight(np.array(two)) for two in ([0, 3], [6, 9], [2, 3]))])

    def _prelu(self, random, scale):
        self._node("PRelu", [self.last, self._random(random, CHANNELS, 1, 1, scale=scale)])

    def _shape(self, random, scale):
        tensor = self.last
        self._node("Reshape", [tensor, self._node("Shape", [tensor])])

    def _constantofshape(self, random, scale):
        tensor = self.last
        value = helper.make_tensor("value", TensorProto.FLOAT, [1], [scale])
        made = self._node("ConstantOfShape", [self._node("Shape", [tensor])], value=value)
        self._node("Add", [tensor, made])

    def _constant(self, random, scale):
        tensor = self.last
        value = numpy_helper.from_array((scale * random.standard_normal((1, CHANNELS, 1, 1))).astype(np.float32))
        self._node("Mul", [tensor, self._node("Constant", [], value=value)])

    def _where(self, random, scale):
        mask = self._weight(random.random((SIDE, SIDE)) < 0.7)
        self._node("Where", [mask, self.last, self._weight(np.float32(-1e9))])
        self._node("Softmax", [self.last], axis=-1)

    def _layernormalization(self, random, scale):
        if self.opset >= 17:
            self._node("LayerNormalization", [self.last, self._random(random, SIDE)], axis=-1)

    def _reducemean(self, random, scale):
        tensor = self.last
        axes = {"axes": [2, 3]} if self.opset < 18 else {}
        more = [] if self.opset < 18 else [self._weight(np.array([2, 3]))]
        self._node("Sub", [tensor, self._node("ReduceMean", [tensor, *more], keepdims=1, **axes)])

    def _clip(self, random, scale):
        self._node("Clip", [self.last, self._weight(np.float32(-scale)), self._weight(np.float32(scale))])


def build(layers: list[LayerSpec], *, opset: int, free_batch: bool) -> bytes:
    """A model with these layers, as the content of an ONNX file."""
    builder = _Builder(opset)
    for operator, seed, scale in layers:
        builder.add(operator, seed, scale)
    shape = ["N" if free_batch else 1, CHANNELS, SIDE, SIDE]
    outputs = dict.fromkeys([builder.last, *(name for name in builder.more_outputs if name not in builder.inputs)])
    graph = helper.make_graph(
        builder.nodes,
        "random",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in builder.inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs],
        builder.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def damage(content: bytes, changes: list[tuple[float, int]], *, keep: float) -> bytes:
    """Change some bytes, and keep only the first part of the file."""
    changed = bytearray(content)
    for place, value in changes:
        changed[int(place * (len(changed) - 1))] = value
    return bytes(changed[: max(1, int(keep * len(changed)))])


def convert(content: bytes, targets=tuple(MAX_ERROR)) -> dict[str, str]:
    """Convert a file, and check each result with onnxruntime.

    Returns:
        Target -> ``RIGHT``, or why it was not made; the only key is ``source`` where the file is not accepted.

    Raises:
        AssertionError: a wrong file was made, and EdgePress's own verification accepted it.
    """
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "random.onnx"
        path.write_bytes(content)
        try:
            source = inspect(path)
            split = Split(tuple(_samples(source, Path(name), seed=0)), tuple(_samples(source, Path(name), seed=1)))
            context = ConversionContext(source, PREPROCESSING, split=split, folder=Path(name))
            feeds = [sample.feeds for sample in context.test_samples()]
            assert context.expected
        except EdgePressError as exc:
            return {"source": str(exc.reason)}
        return {target: _convert_one(target, context, feeds) for target in targets}


def _samples(source, folder: Path, *, seed: int):
    random = np.random.default_rng(seed)
    for number in range(4):
        path = folder / f"{seed}_{number}.npz"
        arrays = {one.name: random.standard_normal((1, CHANNELS, SIDE, SIDE)) for one in source.inputs}
        np.savez(path, **{name: array.astype(np.float32) for name, array in arrays.items()})
        yield path


def _convert_one(target_id, context: ConversionContext, feeds) -> str:
    target = target_by_id(target_id)
    (preflight,) = check_targets(context.source, targets=[target_id])
    if preflight.status == "cannot":
        return str(preflight.reason)
    try:
        artifact = target.make(context, context.folder, silent)
    except EdgePressError as exc:
        return str(exc.reason)
    rejected = _verify(artifact, context)
    if rejected:
        return rejected
    error = _relative_error(context.source.path, artifact.files[0], feeds)
    assert error <= MAX_ERROR[target_id], (target_id, error, [str(note) for note in artifact.notes])
    return RIGHT


def _verify(artifact, context: ConversionContext) -> str | None:
    """Why EdgePress itself would not publish the file; None if it would. There is no task: the numbers decide."""
    least = target_by_id(artifact.target).least_cosine
    differences = measure_similarity(onnx.load(str(artifact.files[0])), context.references)
    if differences is None:
        return "does not run"
    light, verdict = judge_numbers(differences, least, measured=True, decodes=False)
    return str(verdict) if light == "failed" else None


def _relative_error(source: Path, made: Path, feeds) -> float:
    """Of the worst output, by onnxruntime and NumPy, without the code under test."""
    original, result = _original(source), _session(made)
    if isinstance(original, ort.InferenceSession):
        assert _signature(original) == _signature(result)
        expected = [original.run(None, dict(one)) for one in feeds]
    else:
        expected = [list(original.run(one).values()) for one in feeds]
    outputs = [result.run(None, dict(one)) for one in feeds]
    return max(
        _error_of(
            *(np.concatenate([one[index].astype(np.float64).ravel() for one in each]) for each in (expected, outputs))
        )
        for index in range(len(expected[0]))
    )


def _original(path: Path) -> ort.InferenceSession | OnnxPredictor:
    """The source; repaired by EdgePress where onnxruntime refuses it, as with a wrong type of an output."""
    try:
        return _session(path)
    except Exception:  # noqa: BLE001 - onnxruntime's exceptions share no base class
        return open_source(path)


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _signature(session: ort.InferenceSession) -> list[tuple[str, str]]:
    return [(one.name, one.type) for one in (*session.get_inputs(), *session.get_outputs())]


def _error_of(expected, output) -> float:
    """Infinities in the expected output, and rounding errors of 32-bit arithmetic, do not count."""
    if not np.isfinite(expected).all() or np.abs(output - expected).max(initial=0.0) <= 1e-5:
        return 0.0
    return float(np.linalg.norm(output - expected) / np.linalg.norm(expected))
