import numpy as np
import pytest

from core.common.errors import ConversionError
from core.ncnn.table import Table, parse_table

TEXT = "conv_0_param_0 1.500000 2.250000 \nfc_0_param_0 0.125000 \nconv_0 12.500000 \nfc_0 3.000000 \n"


def test_scales_of_weights_and_inputs_are_read():
    table = parse_table(TEXT)
    assert table.weights("conv_0").tolist() == [1.5, 2.25] and table.input("conv_0") == 12.5
    assert table.weights("fc_0").tolist() == [0.125] and table.input("fc_0") == 3.0
    assert table.weights("other") is None and table.input("other") is None and table.weights("conv_0", 1) is None


def test_a_table_comes_back_as_ncnn_writes_it():
    assert parse_table(TEXT).write() == TEXT
    rows = {"lstm_param_1": np.float32([0.1, 1e6])}
    assert Table(rows).write() == "lstm_param_1 0.100000 1000000.000000 \n"


def test_an_empty_line_ends_the_table():
    assert parse_table(f"{TEXT}\nnot a scale\n").write() == TEXT


@pytest.mark.parametrize("line", ["conv_0", "conv_0 many", "conv_0 1 2", "conv_0_param_0"])
def test_a_line_that_is_no_name_and_scales_is_a_readable_error(line):
    with pytest.raises(ConversionError, match="table of scales") as caught:
        parse_table(f"{TEXT}{line}\n")
    assert "conv_0" in caught.value.detail and str(caught.value.next_step)
