import random
import struct

import numpy as np
import pytest

from core.common.errors import ConversionError
from core.ncnn.param import parse_param
from core.ncnn.slots import Slot
from core.ncnn.weights import TAG_FLOAT16, TAG_INT8, raw, read_weights, stored, write_weights
from ncnn_small import TEXT, content, model, param_text


def test_a_file_comes_back_byte_for_byte_with_its_padding():
    made = model()
    odd = stored(Slot("weight", 3, tagged=True), np.float16([1, 2, 3]))
    assert odd.write() == struct.pack("<I3e2x", TAG_FLOAT16, 1, 2, 3)
    text = param_text("Embed e 1 1 in0 o 0=3 1=1 3=3")
    filled = struct.pack("<I3e", TAG_FLOAT16, 1, 2, 3) + b"\x83\x22"
    assert write_weights(read_weights(parse_param(text), filled)) == filled
    assert write_weights(read_weights(made.param, content(made))) == content(made)


def test_arrays_are_tagged_by_their_element_type():
    slot = Slot("weight", 5, tagged=True)
    assert stored(slot, np.int8([1, -2, 3, 4, 5])).write() == struct.pack("<I5b3x", TAG_INT8, 1, -2, 3, 4, 5)
    assert raw("scale", np.float32([0.5])).write() == struct.pack("<f", 0.5)


@pytest.mark.parametrize("change", [-1, -4, -200, 4, 1])
def test_a_file_of_another_length_is_refused(change):
    made = model()
    whole = content(made)
    wrong = whole[:change] if change < 0 else whole + b"\0" * change
    with pytest.raises(ConversionError) as caught:
        read_weights(made.param, wrong)
    assert ".bin" in caught.value.detail


def test_an_unknown_tag_is_refused():
    made = model()
    with pytest.raises(ConversionError) as caught:
        read_weights(made.param, b"\1\2\3\4" + content(made)[4:])
    assert "conv_0" in caught.value.detail


def test_hostile_sizes_are_refused_without_taking_memory():
    for count in ("-5", "99999999999999", "2147483648"):
        param = parse_param(param_text(f"Convolution c 1 1 in0 o 0=8 6={count}"))
        with pytest.raises(ConversionError):
            read_weights(param, b"\0" * 64)


def test_hostile_pairs_of_files_never_end_in_a_traceback():
    rng = random.Random(2)
    binary = content(model())
    for _ in range(1000):
        text = list(TEXT)
        place = rng.randrange(20, len(text))
        text[place] = rng.choice("0123456789- ")
        try:
            read_weights(parse_param("".join(text)), binary[: rng.randrange(len(binary))])
        except ConversionError as error:
            assert str(error.next_step)
