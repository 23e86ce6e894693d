import pytest

from core.common.errors import ConversionError
from core.ncnn.param import parse_param
from core.ncnn.slots import Slot, slots
from ncnn_small import param_text

LAYERS = [
    # the layer's parameters -> role, count and kind (t tagged, r raw) of each array, as ncnn's load_model reads them
    ("Convolution", "0=8 5=1 6=24", "weight 24 t, bias 8 r"),
    ("Convolution", "0=8 6=24 19=1", ""),
    ("Convolution", "0=8 5=1 6=24 8=2", "weight 24 t, bias 8 r, weight_scale 8 r, input_scale 1 r"),
    ("Convolution", "0=8 6=24 8=102", "weight 24 t, weight_scale 8 r, input_scale 1 r, output_scale 1 r"),
    ("ConvolutionDepthWise", "0=8 6=72 7=4 8=1", "weight 72 t, weight_scale 4 r, input_scale 1 r"),
    ("ConvolutionDepthWise", "0=8 6=72 7=4 8=101", "weight 72 t, weight_scale 4 r, input_scale 1 r, output_scale 1 r"),
    ("ConvolutionDepthWise", "0=8 6=72 7=4 8=2", "weight 72 t, weight_scale 1 r, input_scale 1 r"),
    ("Convolution1D", "0=8 5=1 6=24", "weight 24 t, bias 8 r"),
    ("Deconvolution", "0=8 5=1 6=24", "weight 24 t, bias 8 r"),
    ("Deconvolution", "0=8 6=24 28=1", ""),
    ("InnerProduct", "0=4 1=1 2=32", "weight 32 t, bias 4 r"),
    ("InnerProduct", "0=4 2=32 8=2", "weight 32 t, weight_scale 4 r, input_scale 1 r"),
    ("Embed", "0=5 1=7 2=1 3=35 18=2", "weight 35 t, bias 5 r, weight_scale 1 r"),
    ("Gemm", "3=1 4=0 5=1 6=1 7=3 8=4 9=5 10=4", "b 20 t, c 4 t"),
    ("Gemm", "4=1 5=1 6=1 7=3 8=4 9=5 10=3 18=2", "a 15 t, b 20 t, c 12 t, a_scale 3 r, b_scale 1 r"),
    ("Gemm", "5=1 6=1 8=4 9=5 10=-1", "b 20 t"),
    (
        "MultiHeadAttention",
        "0=4 1=2 2=16 3=6 4=8",
        "q_weight 16 t, q_bias 4 r, k_weight 24 t, k_bias 4 r, v_weight 32 t, v_bias 4 r, "
        "out_weight 16 t, out_bias 4 r",
    ),
    ("LSTM", "0=4 1=48 2=0", "input_weight 48 t, bias 16 t, hidden_weight 64 t"),
    ("LSTM", "0=4 1=96 2=2 3=6", "input_weight 96 t, bias 48 t, hidden_weight 192 t, projection 48 t"),
    (
        "GRU",
        "0=4 1=36 2=0 8=2",
        "input_weight 36 t, bias 16 t, hidden_weight 48 t, input_scale 12 r, hidden_scale 12 r",
    ),
    ("RNN", "0=4 1=12 2=2", "input_weight 12 t, bias 8 t, hidden_weight 32 t"),
    ("BatchNorm", "0=3", "slope 3 r, mean 3 r, variance 3 r, bias 3 r"),
    ("Scale", "0=3 1=1", "scale 3 r, bias 3 r"),
    ("Scale", "0=-233", ""),
    ("LayerNorm", "0=6", "gamma 6 r, beta 6 r"),
    ("LayerNorm", "0=6 2=0", ""),
    ("GroupNorm", "0=2 1=6 3=1", "gamma 6 r, beta 6 r"),
    ("RMSNorm", "0=6", "gamma 6 r"),
    ("PReLU", "0=6", "slope 6 r"),
    ("MemoryData", "0=2 1=3 2=4", "data 24 r"),
    ("MemoryData", "0=2 21=0", "data 2 t"),
    ("Padding", "6=3", "value 3 r"),
    ("Requantize", "0=1 1=3 2=3", "scale_in 1 r, scale_out 3 r, bias 3 r"),
    ("ReLU", "", ""),
]


@pytest.mark.parametrize(("kind", "params", "arrays"), LAYERS)
def test_each_kind_of_layer_has_the_arrays_that_ncnn_reads(kind, params, arrays):
    layer = parse_param(param_text(f"{kind} it 1 1 in0 o {params}")).layers[1]
    expected = tuple(
        Slot(role, int(count), tagged == "t")
        for role, count, tagged in (part.split() for part in arrays.split(", ") if part)
    )
    assert slots(layer) == expected


def test_an_unknown_layer_is_refused_by_name():
    layer = parse_param(param_text("Tensor.slice s 1 1 in0 o")).layers[1]
    with pytest.raises(ConversionError, match=r"Tensor\.slice"):
        slots(layer)
