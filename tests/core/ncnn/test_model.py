import pytest

from core.common.errors import ConversionError
from core.ncnn.model import NcnnModel
from ncnn_small import TEXT, content, model


def test_a_saved_model_can_be_loaded_from_any_folder(tmp_path):
    folder = tmp_path / "模型 é"
    folder.mkdir()
    made = model()
    paths = made.save(folder / "m.param", folder / "m.bin")
    assert paths[0].read_bytes() == TEXT.encode()
    loaded = NcnnModel.load(*paths, inputs=made.inputs, outputs=made.outputs)
    assert loaded.param == made.param and content(loaded) == content(made) and loaded.outputs == made.outputs


def test_unreadable_files_are_readable_errors(tmp_path):
    param, weights = model().save(tmp_path / "m.param", tmp_path / "m.bin")
    with pytest.raises(ConversionError, match="cannot be read"):
        NcnnModel.load(param, tmp_path / "none.bin", inputs={}, outputs={})
    param.write_bytes(b"7767517\n\xff\xfe\n")
    with pytest.raises(ConversionError, match="damaged"):
        NcnnModel.load(param, weights, inputs={}, outputs={})
