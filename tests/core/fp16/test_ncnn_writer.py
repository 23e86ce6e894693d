import numpy as np

from core.fp16.ncnn_writer import notes_on_fp32_layers, to_fp16
from core.ncnn.weights import TAG_FLOAT16, TAG_FLOAT32, read_weights, stored
from ncnn_small import content, model, param_text


def with_first_weight(made, value):
    def edit(index, layer, arrays):
        if index != 1:
            return layer, arrays
        values = arrays[0].values.copy()
        values[0] = value
        return layer, (stored(arrays[0].slot, values), *arrays[1:])

    return made.edited(edit)


def test_tagged_weights_are_rounded_and_raw_ones_stay():
    made = model()
    converted = to_fp16(made)
    weight, bias = converted.weights[1]
    assert weight.tag == TAG_FLOAT16 and np.array_equal(weight.values, made.weights[1][0].values.astype(np.float16))
    assert np.array_equal(bias.values, made.weights[1][1].values) and bias.values.dtype == np.float32


def test_the_graph_stays_and_the_file_reads_back():
    converted = to_fp16(model())
    assert converted.param.write() == model().param.write()
    assert len(content(converted)) < 0.6 * len(content(model()))
    assert read_weights(converted.param, content(converted))
    assert notes_on_fp32_layers(converted) == ()


def test_a_layer_with_a_weight_beyond_fp16_stays_in_32_bit_and_is_noted():
    converted = to_fp16(with_first_weight(model(), 70000.0))
    assert converted.weights[1][0].tag == TAG_FLOAT32 and converted.weights[1][0].values[0] == 70000.0
    assert converted.weights[3][0].tag == TAG_FLOAT16
    (note,) = notes_on_fp32_layers(converted)
    assert "conv_0" in str(note) and "convdw_1" not in str(note)


def test_subnormal_weights_are_not_flushed_to_zero():
    assert to_fp16(with_first_weight(model(), 3e-5)).weights[1][0].values[0] == np.float16(3e-5) != 0


def test_the_smallest_weights_stay_in_32_bit_within_their_budget():
    lines = ("Convolution a 1 1 in0 b1 0=4 1=1 6=12", "Convolution b 1 1 b1 out0 0=1000 1=1 6=4000")
    made = to_fp16(model(param_text(*lines)))
    assert [arrays[0].values.dtype for arrays in made.weights[1:]] == [np.float32, np.float16]
    assert not notes_on_fp32_layers(made)
