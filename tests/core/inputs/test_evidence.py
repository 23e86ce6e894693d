import numpy as np
import pytest

from core.inputs.evidence import gather_evidence
from core.onnx_model.inspect import inspect
from small import conv_net


@pytest.mark.parametrize(("classes", "characters"), [(4, ("a", "b", "c")), (7, tuple("uvwxyz")), (40, ())])
def test_the_dictionary_that_fits_the_output_is_taken(tmp_path, classes, characters):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    (tmp_path / "a_dict.txt").write_text("a\nb\nc\n")
    (tmp_path / "b_dict.txt").write_text("u\nv\nw\nx\ny\nz\n")
    outputs = [{"y": np.zeros((1, 10, classes), np.float32)}]
    assert gather_evidence(source, outputs, input_size=(32, 320), labels=None).characters == characters
