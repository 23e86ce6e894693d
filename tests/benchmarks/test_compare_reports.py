from benchmarks.compare_reports import differences


def test_times_and_folders_do_not_count_and_everything_else_does():
    old = {"seconds": 1, "files": ["/a/x.onnx"], "cosine": 1.0, "notes": ["n"], "gone": 1}
    new = {"seconds": 2, "files": ["C:\\b\\x.onnx"], "cosine": 0.9, "notes": ["n", "m"], "added": 2}
    assert [line.split(":")[0] for line in differences(old, new)] == [".added", ".cosine", ".gone", ".notes"]
    assert not list(differences(old, dict(old, seconds=3, files=["/b/x.onnx"])))
    assert list(differences(old, dict(old, files=["/a/y.onnx"])))
