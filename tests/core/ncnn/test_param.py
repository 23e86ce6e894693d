import random

import pytest

from core.common.errors import ConversionError
from core.ncnn.param import parse_param
from ncnn_small import TEXT, param_text


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip("\n"),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("Pooling ", "\n  \nPooling "),
        TEXT.replace("4=1\n", "4=1  \t\n"),
        param_text('Reshape r 1 1 in0 o 12=0 6="1,1, //(8,0n),0n"', "Crop c 1 1 o p -23309=2,-1,-1 10=3,4"),
    ],
    ids=["plain", "no last line end", "windows", "empty lines", "spaces at line ends", "strings and arrays"],
)
def test_an_unedited_file_comes_back_byte_for_byte(text):
    assert parse_param(text).write() == text


def test_the_parts_of_a_layer_are_read():
    conv = parse_param(TEXT).layers[1]
    assert (conv.type, conv.name, conv.bottoms, conv.tops) == ("Convolution", "conv_0", ("in0",), ("1",))
    assert conv.integer(6) == 216 and conv.integer(8) == 0 and conv.integer(99, 7) == 7


def test_both_syntaxes_of_arrays_are_parsed_alike():
    old, new = (parse_param(param_text(f"Crop c 1 1 in0 o {array}")).layers[1] for array in ("-23309=2,5,6", "9=5,6"))
    assert old.params == new.params == {9: "5,6"}


def test_a_quoted_value_may_hold_spaces_and_equals_signs():
    layer = parse_param(param_text('Reshape r 1 1 in0 o 6="1, 8=4" 12=0')).layers[1]
    assert layer.params == {6: '"1, 8=4"', 12: "0"}


def test_setting_a_parameter_changes_nothing_else_of_the_line():
    param = parse_param(TEXT)
    edited = param.layers[3].with_param(8, "1").with_param(9, "2")
    assert edited.text == param.layers[3].text.replace("9=1", "9=2") + " 8=1"
    assert edited.integer(8) == 1 and edited.integer(9) == 2


def test_setting_a_parameter_changes_nothing_that_looks_like_it():
    """A blob that is named like a parameter, a string that holds one, and a line end of Windows."""
    text = param_text('Reshape r 1 1 in0 8=1 6="8=4, 8=5" 8=3\r')
    edited = parse_param(text).layers[1].with_param(8, "2")
    assert edited.text == 'Reshape r 1 1 in0 8=1 6="8=4, 8=5" 8=2\r\n'
    assert edited.with_param(3, "7").text == 'Reshape r 1 1 in0 8=1 6="8=4, 8=5" 8=2 3=7\r\n'


def test_inputs_and_outputs_are_found():
    param = parse_param(TEXT)
    assert param.inputs == ("in0",) and param.outputs == ("out0",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "magic"),
        ("7767518\n1 1\nInput i 0 1 i\n", "magic"),
        ("7767517\n", "magic"),
        ("7767517\nmany 1\nInput i 0 1 i\n", "second line"),
        ("7767517\n2 1\nInput i 0 1 i\n", "2 layers"),
        ("7767517\n1 5\nInput i 0 1 i\n", "5 blobs"),
        (param_text("ReLU r 1 1 nowhere o"), "reads nowhere"),
        (param_text("ReLU r 1 1 in0 in0"), "writes in0"),
        (param_text("ReLU r 1 1 in0 o x=3"), "no parameter"),
        (param_text("ReLU r 1 1 in0 o 40=3"), "no parameter 40"),
        (param_text("ReLU r 1 1 in0 o -5=3"), "no parameter -5"),
        (param_text(f"ReLU {'r' * 300} 1 1 in0 o"), "too long"),
        ("7767517\n1 1\nInput i -1 2 i\n", "wrong number"),
        ("7767517\n1 1\nInput i 0 999999999 i\n", "wrong number"),
        ("7767517\n1 1\nInput i\n", "index"),
    ],
)
def test_a_damaged_file_is_a_readable_error(text, why):
    with pytest.raises(ConversionError) as caught:
        parse_param(text)
    assert "damaged" in str(caught.value.reason) and why in caught.value.detail and str(caught.value.next_step)


def test_a_parameter_that_is_no_integer_is_a_readable_error():
    layer = parse_param(param_text("Convolution c 1 1 in0 o 0=many")).layers[1]
    with pytest.raises(ConversionError, match="damaged"):
        layer.integer(0)


def test_hostile_text_never_ends_in_a_traceback():
    rng = random.Random(1)
    alphabet = ' \n=,"-0123456789abcInput\x1c\x00é'
    for _ in range(2000):
        text = list(TEXT)
        for _ in range(rng.randint(1, 8)):
            place = rng.randrange(len(text))
            text[place : place + rng.randint(0, 3)] = rng.choice(alphabet)
        hostile = "".join(text)
        try:
            assert parse_param(hostile).write() == hostile
        except ConversionError as error:
            assert str(error.next_step)
