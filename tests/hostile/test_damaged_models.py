"""Models damaged in their bytes and in their fields: each is described or refused in words, within time and memory.

A small number of them in the everyday run; ``EDGEPRESS_DAMAGED_MODELS=10000`` tries any number.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

import onnx
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from core.common.errors import SourceError
from core.preflight.in_helper import check_targets_in_helper, inspect_in_helper
from quantized import quantized
from random_graphs import build, damage
from small import conv_net

COUNT = int(os.environ.get("EDGEPRESS_DAMAGED_MODELS", "150"))
MOST_SECONDS = 25.0
NUMBERS = (-(2**63), -(2**31), -1, 0, 1, 2, 7, 2**31 - 1, 2**31, 2**63 - 1)
FLOATS = (float("nan"), float("inf"), -1.0, 0.0, 3.4e38, 1e-45)
TEXTS = ("", "x", "input", "Loop", "If", "Conv", "../../x", "\0", "é" * 500, "{a}", "ai.onnx.ml", "-1")
LARGEST_ENUM = 30


def messages(message: Message) -> Iterator[Message]:
    """A message and all inside it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                yield from messages(one)


def poison(field: FieldDescriptor, choose: random.Random) -> object:
    """A value of the field's type."""
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = choose.choice(TEXTS)
        return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
    if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return choose.choice(FLOATS)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return choose.randrange(LARGEST_ENUM)
    small = kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32)
    return choose.choice([one for one in NUMBERS if abs(one) < 2**31] if small else NUMBERS)


def change(message: Message, choose: random.Random) -> None:
    """Change, add, repeat, move or remove one field of a message."""
    field = choose.choice(message.DESCRIPTOR.fields)
    if field.is_repeated:
        values = getattr(message, field.name)
        if values and choose.random() < 0.4:
            del values[choose.randrange(len(values))]
        elif field.message_type is None:
            values.append(poison(field, choose))
        elif values:
            values.add().CopyFrom(choose.choice(values))
    elif choose.random() < 0.2:
        message.ClearField(field.name)
    elif field.message_type is None:
        setattr(message, field.name, poison(field, choose))
    else:
        getattr(message, field.name).SetInParent()


def damaged(content: bytes, choose: random.Random) -> bytes:
    """A copy with one to six faults."""
    if choose.random() < 0.4:
        changes = [(choose.random(), choose.randrange(256)) for _ in range(choose.randint(1, 6))]
        return damage(content, changes, keep=choose.choice((1.0, 1.0, choose.random())))
    model = onnx.ModelProto.FromString(content)
    for _ in range(choose.randint(1, 6)):
        try:
            change(choose.choice(list(messages(model))), choose)
        except (ValueError, TypeError):  # protobuf refuses the value itself
            continue
    return model.SerializeToString()


@pytest.fixture
def contents(tmp_path):
    net = conv_net(tmp_path / "conv.onnx")
    files = (net, quantized(tmp_path / "quantized.onnx", "qdq", source=net))
    control_flow = build([(name, 1, 1.0) for name in ("Loop", "If", "Sequence", "LSTM")], opset=17, free_batch=False)
    return [*(path.read_bytes() for path in files), control_flow]


@pytest.mark.timeout(0 if COUNT > 1000 else 120)
def test_a_damaged_model_is_described_or_refused_in_words(contents, tmp_path):
    choose = random.Random(COUNT)
    refused, slowest = 0, 0.0
    for number in range(COUNT):
        path = tmp_path / "damaged.onnx"
        path.write_bytes(damaged(choose.choice(contents), choose))
        start = time.monotonic()
        try:
            source = inspect_in_helper(path)
            assert check_targets_in_helper(source), number
        except SourceError as exc:
            assert str(exc.reason) and str(exc.next_step) and "Traceback" not in exc.detail, number
            refused += 1
        slowest = max(slowest, time.monotonic() - start)
        assert slowest < MOST_SECONDS, number
    assert 0.2 * COUNT < refused < COUNT, (refused, slowest)
