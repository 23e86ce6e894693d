"""The guide through a graph, and the files that have one."""

from dataclasses import replace
from pathlib import Path

from core.job.graph_links import GraphLinks
from core.report.finished_files import finished_files
from core.report.graph_guide import graph_guide
from core.report.schema import Texts, VariantEntry
from report_examples import comparison, layer, made, refused, report

LINKS = GraphLinks({"a": ("a_out", "a_relu"), "b": ("b_out",)}, {"a_relu": "7"})


def with_layers(target, *names, suffix=".onnx"):
    return made(target, comparison(layers=tuple(map(layer, names))), Path(f"net{suffix}"), Path("net.bin"))


def files_of(found):
    return {file.id: file for file in finished_files(found)}


def test_every_layer_of_the_source_is_in_the_guide_and_has_the_precision_of_this_file():
    found = replace(report(with_layers("onnx_fp16", "b")), links=LINKS)
    guide = graph_guide(found, files_of(found)["onnx_fp16"])
    assert [(one.name, one.tensors, one.precision) for one in guide.layers] == [
        ("a", ("a_out", "a_relu"), None),
        ("b", ("b_out",), "8 bit"),
    ]
    assert guide.blobs is None and guide.knows_blobs


def test_the_source_has_no_precisions():
    found = replace(report(with_layers("onnx_fp16", "a", "b")), links=LINKS)
    assert {one.precision for one in graph_guide(found, None).layers} == {None}


def test_an_ncnn_file_has_blobs_and_says_where_none_are_known():
    found = report(with_layers("ncnn_quan", "a", suffix=".param"))
    file = files_of(found)["ncnn_quan"]
    assert file.graph == Path("net.param")
    assert not graph_guide(found, file).knows_blobs
    assert graph_guide(replace(found, links=LINKS), file).blobs == {"a_relu": "7"}


def test_without_links_the_layers_are_those_that_were_measured_in_any_file():
    found = report(with_layers("onnx_fp16", "a", "c"), with_layers("onnx_quan_st", "b"))
    assert [one.name for one in graph_guide(found, files_of(found)["onnx_quan_st"]).layers] == ["b", "a", "c"]


def test_files_that_may_take_the_place_of_the_published_one_follow_it():
    def variant(number):
        measured = comparison(layers=(layer(f"layer{number}"),))
        return VariantEntry(number, (Path(f"{number}/net.onnx"),), 100 + number, measured, (), Texts())

    outcome = replace(with_layers("onnx_quan_st", "a"), variants=tuple(map(variant, range(3))), variant=1)
    found = report(outcome, refused("ncnn"), with_layers("onnx_fp16", "a"))
    ids = [(file.id, file.is_published) for file in finished_files(found)]
    assert ids == [("onnx_quan_st", True), ("onnx_quan_st#0", False), ("onnx_quan_st#2", False), ("onnx_fp16", True)]
    other = files_of(found)["onnx_quan_st#2"]
    assert other.graph == Path("2/net.onnx") and [one.name for one in other.layers] == ["layer2"]
