import pytest

from core.common.errors import ImagesError
from core.tasks.predictions import ClassTruth
from labelled_pictures import labels_of, picture, problem_texts, write


def test_labels_are_what_the_person_wrote(tmp_path):
    file, other = picture(tmp_path / "a" / "1.jpg"), picture(tmp_path / "2.jpg")
    write(tmp_path / "labels.csv", '\ufefffile,label\na/1.jpg," a, cat "\ngone.jpg,3\n../../1.jpg,4\n')
    labels = labels_of(tmp_path)
    assert labels.truth(other) is None and labels.count == 1
    assert labels.truth(file) == ClassTruth("4")  # the later line counts; a name chooses among the pictures only
    assert "1 label belongs to a picture that is not in the folder. (labels.csv, 3: gone.jpg)" in problem_texts(labels)


@pytest.mark.parametrize(
    ("content", "line"),
    [("a;b\n1;2\n", 1), ("file,label\n1.jpg,cat\n2.jpg\n", 3), ("file,label\n1.jpg," + "x" * 200_000, 2)],
)
def test_a_table_without_the_right_columns_is_refused_with_its_line(tmp_path, content, line):
    picture(tmp_path / "1.jpg")
    write(tmp_path / "labels.csv", content)
    with pytest.raises(ImagesError, match=rf"labels\.csv.*line {line}") as caught:
        labels_of(tmp_path)
    assert "file and label" in str(caught.value.next_step)
