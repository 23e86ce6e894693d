"""The charts, by the places of their marks."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from core.html_report.axes import Axis, decimals
from core.html_report.layer_errors import layer_errors
from core.html_report.parts import teller
from core.html_report.size_drawing import size_drawing, time_drawing
from core.job.comparison import Agreement
from core.report.schema import Texts, VariantEntry
from report_examples import BOX_F1, comparison, latency, layer, made, report

TELL = teller("en")
SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg):
    return ElementTree.fromstring(svg)


def of_class(root, name):
    return [element for element in root.iter() if name in element.get("class", "").split()]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 18.6, [0.0, 5.0, 10.0, 15.0]),
        (0.955, 1.02, [0.96, 0.98, 1.0, 1.02]),
        (-3.0, 40.0, [0.0, 10.0, 20.0, 30.0, 40.0]),
        (5.0, 5.0, [5.0]),
        (0.0, float("inf"), [0.0]),
    ],
)
def test_ticks_are_round(low, high, ticks):
    assert Axis(low, high, 0, 100).ticks() == pytest.approx(ticks)


def test_ticks_show_as_many_decimals_as_they_need():
    assert [decimals(ticks) for ticks in ([0, 5, 10], [0.96, 0.98], [0.0005, 0.001], [3])] == [0, 2, 4, 0]


def test_an_axis_keeps_what_is_outside_at_its_end():
    axis = Axis(0.0, 10.0, 100.0, 200.0)
    assert [axis.place(value) for value in (-5.0, 0.0, 5.0, 10.0, 50.0)] == [100.0, 100.0, 150.0, 200.0, 200.0]


def test_a_file_is_where_its_size_and_its_agreement_are():
    lower = Agreement("box-f1", 0.9, 0.85, 0.94, samples=8, counted=30)
    files = made("onnx_fp16", comparison(BOX_F1), size=315_000), made("ncnn", comparison(lower), size=630_000)
    root = drawn(size_drawing(report(*files), TELL).svg)
    square, triangle = (
        next(one for one in of_class(root, "mark") if one.tag == SVG + tag) for tag in ("rect", "polygon")
    )
    original = next(one for one in of_class(root, "mark") if one.tag == f"{SVG}circle")
    x = float(square.get("x")) + 6
    apex = [float(value) for value in triangle.get("points").split()[0].split(",")]
    left = Axis(0.0, 0.63 * 1.15, 74.0, 704.0)
    assert x == pytest.approx(left.place(0.315), abs=0.1) and apex[0] == pytest.approx(left.place(0.63), abs=0.1)
    assert float(original.get("cy")) < float(square.get("y")) + 6 < apex[1] + 7  # 100%, 97.3%, 90%: downwards
    intervals = of_class(root, "interval")
    assert len(intervals) == 2


def test_variants_are_rings_on_a_line():
    variant = VariantEntry(1, (Path("v"),), 100_000, comparison(BOX_F1), (), Texts())
    file = replace(made("onnx_quan_st", comparison(BOX_F1)), variants=(variant, replace(variant, number=2)))
    root = drawn(size_drawing(report(file), TELL).svg)
    assert len(of_class(root, "ring")) == 2 and len(of_class(root, "curve")) == 1


def test_charts_say_what_they_show():
    chart = size_drawing(report(made("onnx_fp16", comparison(BOX_F1))), TELL)
    root = drawn(chart.svg)
    assert root.find(f"{SVG}title").text == "Size and agreement"
    assert root.find(f"{SVG}desc").text == "Original: 630 kB; ONNX, 16 bit: 200 kB, 97.3% (91 to 100)"


def test_bars_are_as_long_as_the_times_are():
    file = made("onnx_fp16", comparison(BOX_F1, latency_ms=latency(0.98)))
    root = drawn(time_drawing(report(file), TELL).svg)
    widths = [float(bar.get("width")) for bar in of_class(root, "bar")]
    assert len(widths) == 4 and widths[2] == pytest.approx(2 * widths[0], rel=0.01)


def test_nothing_is_drawn_where_there_is_nothing_to_compare():
    assert size_drawing(report(), TELL) is None and time_drawing(report(), TELL) is None
    assert layer_errors(report(made("ncnn", comparison())), TELL) == ()


def test_the_line_of_a_long_graph_keeps_its_lowest_points():
    """20000 layers are fewer points than that, and the one that suffers is still seen."""
    layers = tuple(layer(str(index), 5.0 if index == 12_345 else 40.0) for index in range(20_000))
    (found,) = layer_errors(report(made("onnx_fp16", comparison(layers=layers))), TELL)
    assert len(found.chart.svg) < 30_000
    root = drawn(found.chart.svg)
    (line,) = of_class(root, "layers")
    heights = [float(point.split(",")[1]) for point in line.get("points").split()]
    assert len(heights) <= 400 and max(heights) - min(heights) > 100
    assert found.worst.rows[0][0].words == "12346" and re.search(r">12346<", found.chart.svg)


def test_layers_without_any_error_have_no_point():
    layers = (layer("a", None), layer("b", 20.0), layer("c", None))
    (found,) = layer_errors(report(made("onnx_fp16", comparison(layers=layers))), TELL)
    assert len(of_class(drawn(found.chart.svg), "dot")) == 1 and len(found.worst.rows) == 1
