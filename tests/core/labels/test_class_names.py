import pytest

from core.common.errors import ImagesError
from core.labels.class_names import MAX_NAMES, characters_beside, names_beside, read_characters, read_class_names
from labelled_pictures import write


@pytest.mark.parametrize(
    ("name", "content", "names"),
    [
        ("labels.txt", "\ufeffcat\r\n dog \r\n\r\n", ("cat", "dog")),
        ("coco.names", "traffic light\n\nbird\n", ("traffic light", "", "bird")),  # places count
        ("labelmap.txt", "0 background\n1  traffic light\n", ("background", "traffic light")),
        ("labels.txt", "0\n1\n2\n", ("0", "1", "2")),
        ("labels.txt", "2 wheels\n4 wheels\n", ("2 wheels", "4 wheels")),
        ("data.yaml", "names: [yes, no, 1.0]", ("yes", "no", "1.0")),
        ("data.yml", "names:\n  1: dog\n  0: cat\n", ("cat", "dog")),
        ("list.json", ["cat", "dog"], ("cat", "dog")),
        ("map.json", {"1": "dog", "0": "cat"}, ("cat", "dog")),
        ("index.json", {"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}, ("tench", "goldfish")),
    ],
)
def test_names_are_read_by_index(tmp_path, name, content, names):
    assert read_class_names(write(tmp_path / name, content)) == names


def test_a_dictionary_of_characters_keeps_its_space_and_its_odd_characters(tmp_path):
    path = write(tmp_path / "dict.txt", "a\n \n\u2028\n\u3000\n字\n")
    assert read_class_names(path) == read_characters(path) == ("a", " ", "\u2028", "\u3000", "字")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", ""),
        ("a.txt", "x\n" * (MAX_NAMES + 1)),
        ("a.txt", "cat\n" + "x" * 1000),
        ("a.txt", "cat\n\x00\n"),
        ("a.json", {"0": "cat", "2": "dog"}),
        ("a.json", {"0": {}}),
        ("a.json", "[" * 100_000),
        ("a.json", "3"),
        ("a.yaml", "names: {0: [}"),
        ("a.yaml", "x: 1"),
    ],
)
def test_what_is_no_list_of_names_is_refused(tmp_path, name, content):
    with pytest.raises(ImagesError, match=name):
        read_class_names(write(tmp_path / name, content))


def test_names_beside_a_model_are_found_by_its_name_first(tmp_path):
    model = tmp_path / "net.onnx"
    assert names_beside(model) == ()
    write(tmp_path / "coco.names", "c\nd\n")
    write(tmp_path / "unrelated.txt", "x\n")
    assert names_beside(model) == ("c", "d")
    write(tmp_path / "net_labels.txt", "a\nb\n")
    assert names_beside(model) == ("a", "b")
    (tmp_path / "net.txt").write_bytes(b"\xff\xfe\n")  # no text, so it does not count
    assert names_beside(model) == ("a", "b")


def test_characters_beside_a_model_are_those_that_fit_its_output(tmp_path):
    model = tmp_path / "rec.onnx"
    write(tmp_path / "en_dict.txt", "a\nb\n")
    write(tmp_path / "ppocr_keys_v1.txt", "一\n二\n三\n四\n")
    write(tmp_path / "dictionary_of_words.txt", "hello\nworld\n")
    assert characters_beside(model) == ("a", "b") and characters_beside(model, outputs=4) == ("a", "b")
    assert (
        characters_beside(model, outputs=5) == ("一", "二", "三", "四") and characters_beside(model, outputs=50) == ()
    )
    assert characters_beside(tmp_path / "elsewhere" / "rec.onnx") == ()


def test_characters_are_read_from_paddleocrs_description_of_the_model(tmp_path):
    write(
        tmp_path / "inference.yml",
        "PostProcess:\n  name: CTCLabelDecode\n  character_dict:\n  - '0'\n  - ' '\n  - 字\n",
    )
    assert characters_beside(tmp_path / "inference.onnx") == ("0", " ", "字")
