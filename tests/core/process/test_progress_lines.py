from core.common.text import say
from core.process.progress_lines import PROGRESS, ProgressReader, ProgressWriter


def test_each_line_is_forwarded_once(tmp_path):
    reported = []
    reader = ProgressReader(tmp_path, lambda fraction, message: reported.append((fraction, str(message))))
    reader.forward_new_lines()  # nothing was reported yet
    progress = ProgressWriter(tmp_path)
    progress(0.1, say("Starting"))
    reader.forward_new_lines()
    reader.forward_new_lines()
    progress(0.2, say("Done"))
    reader.forward_new_lines()
    assert reported == [(0.1, "Starting"), (0.2, "Done")]
    assert str(reader.last_message) == "Done"


def test_a_line_that_is_not_finished_waits(tmp_path):
    reported = []
    reader = ProgressReader(tmp_path, lambda fraction, _: reported.append(fraction))
    ProgressWriter(tmp_path)(0.1, say("Starting"))
    path = tmp_path / PROGRESS
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    reader.forward_new_lines()
    assert reported == [0.1]
    path.write_bytes(whole + whole)
    reader.forward_new_lines()
    assert reported == [0.1, 0.1]
