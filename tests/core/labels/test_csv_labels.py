import pytest

from core.common.errors import ImagesError
from core.tasks.predictions import ClassTruth, TextTruth
from labelled_pictures import labels_of, picture, problem_texts, write


def test_labels_are_what_the_person_wrote(tmp_path):
    file, other = picture(tmp_path / "a" / "1.jpg"), picture(tmp_path / "2.jpg")
    write(tmp_path / "labels.csv", '\ufefffile,label\na/1.jpg," a, cat "\ngone.jpg,3\n../../1.jpg,4\n')
    labels = labels_of(tmp_path)
    assert labels.truth(other) is None and labels.count == 1
    assert labels.truth(file) == ClassTruth("a, cat", ("4",))  # a name chooses among the pictures only
    assert "1 label belongs to a picture that is not in the folder. (labels.csv, 3: gone.jpg)" in problem_texts(labels)


@pytest.mark.parametrize(
    "content",
    [
        "id;Image;Class\n7;1.jpg;cat\n8;2.jpg;dog\n",
        "class_name\tfilename\ncat\t1.jpg\ndog\t2.jpg\n\n",
        "image_path,tags\n1.jpg,cat\n2.jpg,dog\n",
    ],
)
def test_usual_headings_and_separators_are_known(tmp_path, content):
    first, second = picture(tmp_path / "1.jpg"), picture(tmp_path / "2.jpg")
    write(tmp_path / "labels.csv", content)
    labels = labels_of(tmp_path)
    assert labels.kind == "classes" and labels.labels == {"cat", "dog"}
    assert (labels.truth(first), labels.truth(second)) == (ClassTruth("cat"), ClassTruth("dog"))


@pytest.mark.parametrize(
    "content",
    [
        "\n\nfile,label\n1.jpg,cat\n",
        "sep=;\nfile;label\n1.jpg;cat\n;\n",
        "file;label;note (a, b, c, d)\n1.jpg;cat;x\n",
        "file;label\n1.jpg;cat\n \n\x1a",
        "file,label\r\n\r\n1.jpg,cat\r\n,\r\n",
    ],
)
def test_odd_lines_cost_nothing(tmp_path, content):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "labels.csv", content)
    labels = labels_of(tmp_path)
    assert labels.truth(file) == ClassTruth("cat") and not problem_texts(labels)


def test_a_row_without_a_label_is_told_and_the_others_count(tmp_path):
    first, second = picture(tmp_path / "1.jpg"), picture(tmp_path / "2.jpg")
    write(tmp_path / "labels.csv", "file,label\n1.jpg\n2.jpg,cat\n")
    labels = labels_of(tmp_path)
    assert labels.truth(first) is None and labels.truth(second) == ClassTruth("cat")
    assert "1 line or entry of the labels cannot be read" in problem_texts(labels)
    assert "labels.csv, 2" in problem_texts(labels)


def test_an_empty_list_says_that_none_of_the_classes_is_there(tmp_path):
    first, second = picture(tmp_path / "1.jpg"), picture(tmp_path / "2.jpg")
    write(tmp_path / "labels.csv", "file,tags\n1.jpg,cat|dog\n2.jpg,\n")
    labels = labels_of(tmp_path)
    assert labels.truth(first).labels == ("cat", "dog") and labels.truth(second).labels == ()


def test_of_several_texts_the_last_one_counts(tmp_path):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "labels.csv", "file,text\n1.jpg,one\n1.jpg,two\n1.jpg,one\n")
    assert labels_of(tmp_path).truth(file) == TextTruth("one")


@pytest.mark.parametrize("content", ["file,labels\n1.jpg,cat | dog\n", "file,label\n1.jpg,cat\n1.jpg,dog\n1.jpg,cat\n"])
def test_a_picture_may_have_several_labels(tmp_path, content):
    file = picture(tmp_path / "1.jpg")
    write(tmp_path / "labels.csv", content)
    assert labels_of(tmp_path).truth(file).labels == ("cat", "dog")


def test_a_column_of_text_is_what_stands_in_the_pictures(tmp_path):
    first, second = picture(tmp_path / "1.jpg"), picture(tmp_path / "2.jpg")
    write(tmp_path / "labels.csv", 'file,text\n1.jpg,"a | b"\n2.jpg,\n')
    labels = labels_of(tmp_path)
    assert labels.kind == "text"
    assert (labels.truth(first), labels.truth(second)) == (TextTruth("a | b"), TextTruth(""))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a;b\n1;2\n", 1),
        ("", 1),
        ("file,label\n1.jpg," + "x" * 200_000, 2),
        ('"' + "x" * 200_000, 1),
    ],
)
def test_a_table_without_the_right_columns_is_refused_with_its_line(tmp_path, content, line):
    picture(tmp_path / "1.jpg")
    write(tmp_path / "labels.csv", content)
    with pytest.raises(ImagesError, match=rf"labels\.csv.*line {line}") as caught:
        labels_of(tmp_path)
    assert "file and label" in str(caught.value.next_step)
