from typing import Any

from benchmarks.table import document, general, is_bad, lines


def outcome(target: str, **changes: Any) -> dict[str, Any]:
    return {
        "target": target,
        "status": "converted",
        "reason": None,
        "next_step": None,
        "size_bytes": 50,
        "seconds": 2.0,
        "comparison": {"light": "keeps"},
        "check": {"wrong": None, "cosine": 0.9876, "column": 0.5, "agreement": 0.5},
        **changes,
    }


def row(*outcomes: dict[str, Any]) -> dict[str, Any]:
    source = {"inputs": [{"shape": ["N", 3], "dtype": "float32"}], "opset": 17, "parameters": 10**6, "size_bytes": 200}
    figures = {"origin": "somewhere 1.0", "broken": None, "seconds": 3.0, "peak_bytes": 10**8, "source": source}
    return {"name": "net", **figures, "outcomes": list(outcomes)}


TARGETS = ("onnx_fp16", "onnx_quan_dy", "onnx_quan_st", "ncnn", "ncnn_fp16", "ncnn_quan")


def test_the_page_counts_shows_and_explains():
    refused = outcome("ncnn", status="refused", reason="No way.", next_step="Go round.")
    wrong = outcome("ncnn_quan", check={"wrong": "cosine 0.1", "cosine": 0.1, "agreement": None})
    others = [outcome(target) for target in TARGETS if target not in ("ncnn", "ncnn_quan", "onnx_fp16")]
    others.append(outcome("onnx_fp16", comparison={"light": "look"}))
    page = document([row(refused, wrong, *others)], least=0.999, least_8_bit=0.9)
    assert "| ncnn 32 bit | 0 | 0 | 1 | 0 | 0 |" in page
    assert "| ONNX 16 bit | 0 | 1 | 0 | 0 | 0 |" in page and "| ONNX 8 bit static | 1 | 0 | 0 | 0 | 0 |" in page
    assert "| ncnn 8 bit | 0 | 0 | 0 | 0 | 1 |" in page
    assert ".9876 (.5000) · 50.0% · 25% · 2 s" in page
    assert "- **net**, ncnn 32 bit: refused. No way. Go round." in page
    assert "n×3 float32" in page


def test_only_a_wrong_file_is_bad():
    assert not is_bad(row(outcome("ncnn", status="failed", reason="Sad.", next_step="Try.", check=None)))
    assert is_bad(row(outcome("ncnn", check={"wrong": "does not load", "cosine": None, "agreement": None})))


def test_the_terminal_gets_a_line_for_each_target():
    assert len(list(lines(row(*(outcome(target) for target in TARGETS))))) == 7


def test_models_that_ncnn_lacks_the_same_operators_for_are_counted_together():
    reason = 'ncnn has no counterpart for these parts of the model: Tile ("{}"), Pad ("{}/Pad").'
    rows = [row(*failed_in_ncnn(reason.format(name, name))) for name in ("a", "b/Tile_3")]
    rows.append({**row(), "name": "other", "broken": "A native library crashed.", "broken_as": "failed"})
    page = document(rows, least=0.999, least_8_bit=0.9)
    assert "| 2 | failed | ncnn has no counterpart for these parts of the model: Tile, Pad. | net, net |" in page
    assert "| 1 | failed | A native library crashed. | other |" in page
    assert "| ncnn 32 bit | 0 | 0 | 0 | 3 | 0 |" in page


def failed_in_ncnn(reason: str) -> list[dict[str, Any]]:
    made = [outcome(target) for target in TARGETS if target != "ncnn"]
    return [*made, outcome("ncnn", status="failed", reason=reason, next_step="Try.", check=None)]


def test_reasons_lose_names_and_numbers_but_no_operators():
    assert general('Output "a" has 12 numbers: ReduceL2, Conv2d') == 'Output "..." has n numbers: ReduceL2, Conv2d'
