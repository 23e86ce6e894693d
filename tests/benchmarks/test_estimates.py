import json

from benchmarks.estimates import main
from small import conv_net


def test_the_table_holds_both_figures(tmp_path, capsys):
    path = conv_net(tmp_path / "net.onnx")
    outcome = {"target": "onnx_fp16", "status": "converted", "comparison": {"images": 10}}
    figures = {
        "name": "net",
        "outcomes": [outcome, {"target": "ncnn", "status": "refused", "comparison": None}],
        "source": {"path": str(path)},
        "preprocessing": {"size": [32, 32]},
        "seconds": 7.2,
        "peak_bytes": 210e6,
    }
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "net.json").write_text(json.dumps(figures))
    main([str(tmp_path / "figures"), "--table", str(tmp_path / "table.md")])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| net ")]
    assert row == "| net | a few seconds | 7 s | about 300 MB | 210 MB |"
    assert row in (tmp_path / "table.md").read_text()
