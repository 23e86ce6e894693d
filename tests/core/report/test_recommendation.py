"""Which file is taken, by reports made by hand."""

from dataclasses import replace

import pytest

from core.common.text import Text, say
from core.job.comparison import Agreement
from core.report.recommendation import recommend
from core.report.schema import ArmEntry, Texts, VariantEntry
from report_examples import BOX_F1, comparison, latency, made, refused, report

SIZE = 630_000  # of the examples' original, in bytes
KEPT = Agreement("box-f1", 0.97, 0.952, 0.983, samples=20, counted=100)


def keeping(target, *, size, milliseconds, agreement=KEPT, **changes):
    """A file that keeps the answers; the original takes 0.49 ms."""
    found = comparison(agreement, light="keeps", latency_ms=latency(milliseconds), **changes)
    return made(target, found, size=round(size * SIZE))


def reasons(found):
    return {other.target: str(other.clause) for other in found.others}


def test_the_smallest_product_of_size_and_time_is_taken():
    found = recommend(
        report(
            keeping("onnx_fp16", size=0.5, milliseconds=0.245),
            keeping("onnx_quan_dy", size=0.25, milliseconds=0.49),
            keeping("onnx_quan_st", size=0.33, milliseconds=0.35),
        )
    )
    assert (found.target, found.confidence) == ("onnx_quan_st", "keeps")
    assert str(found.sentence) == (
        "For a PC or a server take ONNX, 8 bit static: 33% of the size, 1.4× as fast here (one core), 97% of the "
        "objects the same (95.2 to 98.3%)."
    )
    assert reasons(found) == {
        "onnx_fp16": "keeps them too, but is larger for its speed: 50% of the size, 2.0× as fast here (one core)",
        "onnx_quan_dy": (
            "keeps them too, but is slower for its size: 25% of the size, as fast as the original here (one core)"
        ),
    }


def test_a_file_that_misses_the_aim_is_not_taken_however_small_it_is():
    small = made("onnx_quan_st", comparison(BOX_F1, latency_ms=latency(0.1)), size=10)
    found = recommend(report(small, keeping("onnx_fp16", size=0.5, milliseconds=0.7)))
    assert found.target == "onnx_fp16"
    assert "slower here (0.70× the speed, one core)" in str(found.sentence)
    assert reasons(found)["onnx_quan_st"].startswith("misses the aim of 95%: 97.3% of the objects the same")


def test_phones_get_the_smallest_ncnn_file_whatever_its_speed_here():
    found = recommend(
        report(
            keeping("onnx_quan_st", size=0.3, milliseconds=0.3),
            keeping("ncnn", size=1.0, milliseconds=0.2),
            keeping("ncnn_fp16", size=0.5, milliseconds=0.2),
            keeping("ncnn_quan", size=0.3, milliseconds=9.0),
        )
    )
    assert (found.target, found.device_target) == ("onnx_quan_st", "ncnn_quan")
    assert str(found.device_sentence).startswith("For a phone or a small board take ncnn, 8 bit: 30% of the size")
    assert reasons(found)["ncnn"] == "keeps them too, but is larger: 100% of the size instead of 30%"


def test_what_is_wrong_on_an_arm_processor_is_no_file_for_phones():
    wrong = ArmEntry("cortex-a76", "wrong", "", say("wrong"), 8)
    bad = replace(keeping("ncnn_quan", size=0.3, milliseconds=1.0), arm=wrong)
    good = keeping("ncnn_fp16", size=0.5, milliseconds=1.0)
    found = recommend(report(good, bad))
    assert (found.target, found.device_target) == ("ncnn_fp16", None)
    assert "wrong on an emulated ARM processor" in reasons(found)["ncnn_quan"]
    alone = recommend(report(bad))
    assert alone.confidence == "closest" and "Do not use it on a phone" in str(alone.sentence)


def test_a_job_of_ncnn_files_alone_is_for_phones():
    found = recommend(report(keeping("ncnn_fp16", size=0.5, milliseconds=1.0)))
    assert found.target == "ncnn_fp16" and found.device_sentence is None
    assert str(found.sentence).startswith("For a phone or a small board take ncnn, 16 bit")


def test_where_none_keeps_the_answers_the_closest_is_named_with_a_warning():
    far = Agreement("box-f1", 0.80, 0.7, 0.9, samples=8, counted=30)
    found = recommend(report(made("onnx_quan_st", comparison(far), size=10), made("onnx_fp16", comparison(BOX_F1))))
    assert (found.target, found.confidence) == ("onnx_fp16", "closest")
    assert str(found.sentence).startswith(
        "No file reaches the aim of 95%. The closest is ONNX, 16 bit: 32% of the size"
    )
    assert reasons(found) == {"onnx_quan_st": "not closer: 80% of the objects the same (70 to 90%)"}


def test_without_test_pictures_that_is_said():
    on_random = Agreement("top-1", 1.0, 0.6, 1.0, samples=8, counted=8)
    small, large = made("onnx_fp16", comparison(on_random, images=0)), made("ncnn", comparison(on_random, images=0))
    found = recommend(report(small, replace(large, size_bytes=SIZE)))
    assert (found.target, found.confidence, found.caution) == ("onnx_fp16", "unmeasured", None)
    assert "was not measured" in str(found.sentence) and "similarity of numbers > 0.9999" in str(found.sentence)
    assert reasons(found) == {"ncnn": "as close, but is larger: 100% of the size"}


def test_files_that_keep_the_numbers_can_be_taken_where_no_task_decodes():
    found = recommend(report(keeping("onnx_fp16", size=0.5, milliseconds=0.49, agreement=None)))
    assert str(found.sentence).endswith("as fast as the original here (one core), practically the same numbers.")


def test_reports_without_verdicts_promise_nothing():
    earlier = comparison(BOX_F1, verdict="", words=Text(""))
    found = recommend(report(made("onnx_fp16", earlier), budget=None))
    assert found.confidence == "closest" and "is known to keep" in str(found.sentence)


def test_nothing_is_recommended_where_nothing_was_made():
    failed = replace(refused("ncnn"), status="failed")
    for outcomes in ((refused("onnx_fp16"), failed), ()):
        found = recommend(report(*outcomes))
        assert (found.target, found.device_target, found.confidence) == (None, None, "none")
        assert [other.target for other in found.others] == [outcome.target for outcome in outcomes]


def test_speed_that_was_not_measured_counts_as_the_original_s():
    slow = keeping("onnx_fp16", size=0.5, milliseconds=2.0)
    unknown = keeping("onnx_quan_st", size=0.4, milliseconds=1.0, cosine=0.99)
    unknown = replace(unknown, comparison=replace(unknown.comparison, latency_ms=None))
    found = recommend(report(slow, unknown))
    assert found.target == "onnx_quan_st"
    assert (
        str(found.sentence)
        == "For a PC or a server take ONNX, 8 bit static: 40% of the size, 97% of the objects the same "
        "(95.2 to 98.3%)."
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_part_is_said_in_the_reader_s_language(language):
    found = recommend(
        report(
            keeping("onnx_quan_st", size=0.3, milliseconds=0.3),
            keeping("ncnn_quan", size=0.3, milliseconds=0.3),
            refused("onnx_fp16"),
        )
    )
    texts = [found.sentence, found.device_sentence, *(other.clause for other in found.others)]
    for text in texts:
        shown = text.in_language(language)
        assert "{" not in shown
        assert any("\u4e00" <= letter <= "\u9fff" for letter in shown) == (language == "zh"), shown


def test_another_file_that_reaches_the_aim_is_named():
    other = VariantEntry(2, (), round(0.4 * SIZE), comparison(KEPT, light="keeps"), (), Texts())
    small = replace(
        made("onnx_quan_st", comparison(BOX_F1)), variants=(other, replace(other, number=3, size_bytes=SIZE))
    )
    found = recommend(report(small, keeping("onnx_fp16", size=0.5, milliseconds=0.49)))
    assert reasons(found)["onnx_quan_st"].endswith(
        "another file of it reaches it at 40% of the size, see “More files to choose from”"
    )


def test_few_test_pictures_call_for_caution():
    few = Agreement("box-f1", 1.0, 0.57, 1.0, samples=4, counted=5)
    assert recommend(report(keeping("onnx_fp16", size=0.5, milliseconds=0.4))).caution is None
    caution = recommend(report(keeping("onnx_fp16", size=0.5, milliseconds=0.4, agreement=few))).caution
    assert str(caution).startswith("4 test samples are too few to be sure: the share may be as low as 57%.")
