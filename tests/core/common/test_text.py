import pytest

from core.common.text import Text, plural, say


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (0, "0 pictures could not be read and were skipped."),
        (1, "1 picture could not be read and was skipped."),
        (2, "2 pictures could not be read and were skipped."),
    ],
)
def test_one_is_singular_in_english_and_nothing_changes_in_chinese(count, sentence):
    text = plural(
        "{count} picture could not be read and was skipped.",
        "{count} pictures could not be read and were skipped.",
        count=count,
    )
    assert str(text) == sentence
    assert text.in_language("zh") == f"有 {count} 张图片无法读取，已跳过。"


def test_a_sentence_survives_as_data_with_the_sentences_inside_it():
    text = say("{target}: {step}", target=say("ncnn, 8 bit"), step=say("starting"))
    assert Text.from_json(text.to_json()) == text
    assert str(text) == "ncnn, 8 bit: starting" and text.in_language("zh") != str(text)
