from core.common.text import say
from core.process.progress_lines import PROGRESS, ProgressLines, ProgressReader


def test_each_line_is_passed_on_once(tmp_path):
    heard = []
    reader = ProgressReader(tmp_path, lambda fraction, message: heard.append((fraction, str(message))))
    reader.pass_on()  # nothing was said yet
    tell = ProgressLines(tmp_path)
    tell(0.1, say("Starting"))
    reader.pass_on()
    reader.pass_on()
    tell(0.2, say("Done"))
    reader.pass_on()
    assert heard == [(0.1, "Starting"), (0.2, "Done")]
    assert str(reader.last) == "Done"


def test_a_line_that_is_not_finished_waits(tmp_path):
    heard = []
    reader = ProgressReader(tmp_path, lambda fraction, _: heard.append(fraction))
    ProgressLines(tmp_path)(0.1, say("Starting"))
    path = tmp_path / PROGRESS
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    reader.pass_on()
    assert heard == [0.1]
    path.write_bytes(whole + whole)
    reader.pass_on()
    assert heard == [0.1, 0.1]
