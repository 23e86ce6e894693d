import pytest

from core.common.errors import ImagesError
from core.tasks.predictions import ClassTruth, TextTruth
from labelled_pictures import labels_of, picture, problem_texts, write

NAMES = ("img_1.jpg", "img_2.jpg", "img_3.jpg")
TEXTS = ("HOTEL", "a, b", 'say "hi"')


def texts_of(folder):
    labels = labels_of(folder)
    assert labels.kind == "text"
    return [labels.truth(folder / name) for name in NAMES], labels


def words(folder):
    for name in NAMES:
        picture(folder / name)
    return folder


def mmocr(names, texts):
    return {
        "data_list": [
            {"img_path": name, "instances": [{"text": text}]} for name, text in zip(names, texts, strict=True)
        ]
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.json", mmocr(NAMES, TEXTS)),
        ("texts.json", dict(zip(NAMES, TEXTS, strict=True))),
        ("list.json", [{"file": name, "text": text} for name, text in zip(NAMES, TEXTS, strict=True)]),
        ("gt.txt", 'img_1.jpg, "HOTEL"\nimg_2.jpg, "a, b"\nimg_3.jpg, "say \\"hi\\""\n'),
        ("rec_gt.txt", "".join(f"{name}\t{text}\n" for name, text in zip(NAMES, TEXTS, strict=True))),
        ("label.txt", "".join(f"{name} {text}\r\n" for name, text in zip(NAMES, TEXTS, strict=True))),
    ],
)
@pytest.mark.parametrize("above", [False, True])
def test_the_text_is_read_from_lists_in_the_folder_and_one_level_above(tmp_path, name, content, above):
    folder = words(tmp_path / "imgs")
    write((tmp_path if above else folder) / name, content)
    truths, labels = texts_of(folder)
    assert truths == [TextTruth(text) for text in TEXTS]
    assert str(labels.description) == f"Right answers known: text of 3 pictures ({name})"


def test_the_text_is_read_from_a_file_beside_each_picture(tmp_path):
    words(tmp_path)
    for name, text in zip(NAMES, TEXTS, strict=True):
        write((tmp_path / name).with_suffix(".txt"), f"{text}\n")
    truths, _ = texts_of(tmp_path)
    assert truths == [TextTruth(text) for text in TEXTS]


def test_long_texts_beside_pictures_are_no_labels(tmp_path):
    for name in NAMES:
        write((words(tmp_path) / name).with_suffix(".txt"), "two\nlines\n")
    assert labels_of(tmp_path) is None


def test_names_in_lists_may_have_folders_and_only_choose_among_the_pictures(tmp_path):
    words(tmp_path)
    write(tmp_path / "gt.txt", "train_data\\rec\\img_1.jpg\tA\n../../etc/passwd.jpg\tB\n/img_2.jpg\tC\nbroken\n")
    truths, labels = texts_of(tmp_path)
    assert truths == [TextTruth("A"), TextTruth("C"), None]
    said = problem_texts(labels)
    assert (
        "1 label belongs to a picture that is not" in said and "1 line or entry" in said and "1 picture has no" in said
    )


def test_the_same_name_in_two_folders_is_told_apart_by_the_folder_or_left_out(tmp_path):
    one, other = picture(tmp_path / "a" / "1.jpg"), picture(tmp_path / "b" / "1.jpg")
    write(tmp_path / "gt.txt", "x/a/1.jpg\tA\n1.jpg\tB\n")
    labels = labels_of(tmp_path)
    assert labels.truth(one) == TextTruth("A") and labels.truth(other) is None
    assert "several pictures have its name" in problem_texts(labels)


def test_a_list_of_few_values_for_many_pictures_holds_classes(tmp_path):
    for index in range(6):
        picture(tmp_path / f"{index}.jpg")
    write(tmp_path / "val.txt", "".join(f"{index}.jpg {index % 2}\n" for index in range(6)))
    labels = labels_of(tmp_path)
    assert (
        labels.kind == "classes" and labels.truth(tmp_path / "3.jpg") == ClassTruth("1") and labels.labels == {"0", "1"}
    )


def test_a_list_that_is_no_text_is_refused_with_file_and_line(tmp_path):
    (words(tmp_path) / "gt.txt").write_bytes(b"img_1.jpg\tok\nimg_2.jpg\t\xff\xff\n")
    with pytest.raises(ImagesError, match=r"gt\.txt.*line 2"):
        labels_of(tmp_path)


def test_json_of_other_kinds_is_no_text(tmp_path):
    words(tmp_path)
    write(tmp_path / "a.json", {"img_1.jpg": ["x"], "version": "2"})
    write(tmp_path / "b.json", [1, None, {"file": 3, "text": "x"}, {"img_path": "img_1.jpg", "instances": [3]}])
    write(tmp_path / "c.json", "5")
    assert labels_of(tmp_path) is None
