from core.process.worker_process import log_tail


def test_the_tail_of_a_log_is_its_end_whatever_it_holds(tmp_path):
    log = tmp_path / "log.txt"
    assert log_tail(log) == ""
    log.write_bytes(b"first\n" + b"x" * 5000 + b"\xff last\n")
    assert log_tail(log).endswith("x\ufffd last")
    assert len(log_tail(log)) < 4000
