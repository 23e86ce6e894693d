"""Thousands of damaged files, the same ones in each run: each is read, or refused with a readable error."""

import random
from collections import Counter

import pytest

from core.common.errors import ConversionError
from core.fp16.ncnn_writer import to_fp16
from core.ncnn.model import NcnnModel
from core.ncnn.param import parse_param
from core.ncnn.table import Table, parse_table
from core.ncnn.weights import read_weights, write_weights
from core.quantization.ncnn.int8 import quantizable_layers, quantizable_without_range, to_int8
from core.quantization.ncnn.mixed_precision import by_rule
from core.quantization.ncnn.official_ncnn2int8 import to_int8_official
from core.quantization.ncnn.official_ncnn2table import weight_table
from ncnn_small import TEXT, content, model, param_text

HOSTILE = ("-1", "0", "2147483647", "2147483648", "-2147483648", "1" * 400, "99999999999999999999", "1e9", "nan", "inf")
HOSTILE += (
    "-233",
    "0x10",
    "x",
    "",
    '"',
    "=",
    "-23310=2,",
    "-23300=-1",
    "\x00",
    "é",
    "1,2",
    "31=1",
    "32=1",
    "\n",
    "Conv",
)
EVERY_WEIGHT_LAYOUT = param_text(
    "Convolution c 1 1 in0 b1 0=8 1=1 5=1 6=24",
    "Deconvolution d 1 1 b1 b2 0=8 1=2 3=2 5=1 6=256",
    "BatchNorm n 1 1 b2 b3 0=8",
    "PReLU p 1 1 b3 b4 0=8",
    "Gemm g 1 1 b4 b5 3=1 5=1 6=1 7=4 8=8 9=8 10=4",
    "Embed e 1 1 b5 b6 0=4 1=9 3=36",
    "LSTM l 1 1 b6 b7 0=4 1=64 2=2 3=4",
    "MultiHeadAttention m 1 1 b7 b8 0=8 1=2 2=64",
    "MemoryData k 0 1 b9 0=3 1=2",
    "Scale s 1 1 b9 b10 0=3 1=1",
    "LayerNorm y 1 1 b8 out0 0=8 1=1e-5 2=1",
)


def damaged_text(rng, text):
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        kind, place = rng.randrange(5), rng.randrange(len(text) or 1)
        if kind == 0:
            text = text[:place]
        elif kind == 1:
            text = text[:place] + chr(rng.randrange(1, 256)) + text[place + 1 :]
        elif kind == 2:
            text = text[:place] + text[place + rng.randrange(1, 40) :]
        elif kind == 3:
            tokens = text.split(" ")
            tokens[rng.randrange(len(tokens))] = rng.choice(HOSTILE)
            text = " ".join(tokens)
        else:
            key, _, rest = text[place:].partition("=")
            text = f"{text[:place]}{key}={rng.choice(HOSTILE)}{rest[1:]}"
    return text


def damaged_bytes(rng, data):
    place = rng.randrange(len(data))
    piece = rng.randbytes(rng.randrange(1, 9))
    return rng.choice(
        (data[:place], data[:place] + piece + data[place:], data[:place] + piece + data[place + len(piece) :])
    )


def read(text, data):
    param = parse_param(text)
    made = NcnnModel(param, read_weights(param, data), {}, {})
    assert param.write() == text and write_weights(made.weights) == data
    return made


def use(model):
    """Everything that is done with a model once it is read."""
    layers = (*quantizable_layers(model), *quantizable_without_range(model))
    keep_float = by_rule(model, layers, 0.3) if layers else ()
    write_weights(to_int8(model, dict.fromkeys(layers, 1.0), keep_float=keep_float).weights)
    write_weights(to_fp16(model).weights)
    rows = weight_table(model, dict.fromkeys(layers, 2.0), "aciq").rows
    write_weights(to_int8_official(model, Table(rows)).weights)


@pytest.mark.parametrize(("text", "seed"), [(TEXT, 8), (EVERY_WEIGHT_LAYOUT, 8), (TEXT, 100)])
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_damaged_models_are_read_or_refused_and_never_crash(text, seed):
    rng, data = random.Random(seed), content(model(text))
    outcomes = Counter()
    for turn in range(2500):
        in_weights = turn % 3 == 0
        pair = (text, damaged_bytes(rng, data)) if in_weights else (damaged_text(rng, text), data)
        try:
            made = read(*pair)
            outcomes["read"] += 1
            use(made)
            outcomes["used"] += 1
        except ConversionError as exc:
            assert str(exc.reason) and str(exc.next_step)
            outcomes["refused"] += 1
    assert outcomes["refused"] > 1200 and outcomes["read"] > 200 and outcomes["used"] > 50


def test_damaged_tables_are_read_or_refused_and_never_crash():
    rng = random.Random(9)
    text = "a_param_0 1.5 2.5 3.5 \nb_param_0 0.25 \na 12.5 \nb 3 \n"
    for _ in range(2000):
        try:
            parse_table(damaged_text(rng, text)).write()
        except ConversionError as exc:
            assert str(exc.reason)
