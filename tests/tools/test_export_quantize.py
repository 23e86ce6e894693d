import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from crash_points import content
from variant_jobs import VARIANTS, finished_job

from core.queue.store import JobStore
from core.setup import arm
from core.targets import TARGET_IDS
from quantized import quantized
from small import conv_net, pictures

ROOT = Path(__file__).resolve().parent.parent.parent
SETTINGS = ("--size", "32", "--mean", "127.5", "--std", "127.5", "--fit", "stretch", "--color", "rgb")


@pytest.fixture
def run(tmp_path):
    """Runs the command in a process, from the folder of the model."""
    conv_net(tmp_path / "net.onnx")
    pictures(tmp_path / "images", 8)

    def command(*arguments: str, language: str = "en") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "tools" / "export_quantize.py"), *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "EDGEPRESS_HOME": str(tmp_path / "home"),
                "EDGEPRESS_LANGUAGE": language,
                "PYTHONUTF8": "1",
            },
            capture_output=True,
            encoding="utf-8",
            timeout=240,
        )

    return command


def test_the_default_makes_both_8_bit_onnx_files_beside_the_model(run, tmp_path):
    done = run("./net.onnx", "--images", "./images", *SETTINGS)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.glob("net_*")} == {"net_quan_dynamic.onnx", "net_quan_static.onnx"}
    assert "ONNX, 8 bit static" in done.stdout and "100%" in done.stderr


def test_a_name_with_spaces_and_chinese_characters_works_without_preprocessing_options(run, tmp_path):
    (tmp_path / "net.onnx").rename(tmp_path / "我的 网络.onnx")
    (tmp_path / "images").rename(tmp_path / "图 片")
    done = run("--onnx", "我的 网络.onnx", "--images", "图 片", "--type", "ncnn_quan", "--out", "结 果", language="zh")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "结 果" / "我的 网络_int8.bin").is_file() and "原模型" in done.stdout


def test_the_json_has_its_documented_fields(run, tmp_path):
    done = run("net.onnx", "--images", "images", "--type", "onnx_fp16", "ncnn", "--json", "out/r.json", *SETTINGS)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "r.json").read_text(encoding="utf-8"))
    assert report["preprocessing"]["mean"] == [127.5] * 3 and report["preprocessing"]["size"] == [32, 32]
    first, second = report["outcomes"]
    keys = {"target", "status", "reason", "next_step", "files", "size_bytes", "inputs", "outputs", "notes", "seconds"}
    assert keys | {"comparison"} <= set(first) and first["status"] == "converted" and first["reason"] is None
    assert second["inputs"] == {"input": "in0"} and second["outputs"] == {"scores": "out0"}
    fields = {"images", "cosine", "sqnr_db", "agreement", "truth", "layers", "light", "verdict", "latency_ms"}
    assert fields <= set(first["comparison"])
    assert first["comparison"]["agreement"]["metric"] == "top-1" and first["comparison"]["light"] == "keeps"
    assert {"name", "reason", "options", "budget", "class_names"} <= set(report["task"])
    assert first["size_bytes"] == sum(Path(file).stat().st_size for file in first["files"])


def test_a_target_without_its_pictures_is_refused_and_the_exit_code_is_1(run, tmp_path):
    done = run("net.onnx", *SETTINGS)
    assert done.returncode == 1
    assert (tmp_path / "net_quan_dynamic.onnx").is_file() and not (tmp_path / "net_quan_static.onnx").exists()
    assert "needs example pictures" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nowhere.onnx",), "There is no file"),
        (("text.onnx",), "not an ONNX model"),
        (("cut.onnx",), "damaged or cut off"),
        (("net.onnx", "--images", "nowhere"), "There is no folder"),
        (("net.onnx", "--images", "empty"), "There are no pictures"),
        (("net.onnx", "--out", "text.onnx/out", *SETTINGS), "cannot be written"),
        ((), "exactly one ONNX model"),
        (("net.onnx", "--size", "abc"), "not a list of numbers"),
        (("net.onnx", "--std", "0", "--mean", "0", "--size", "32"), "divided by 0"),
    ],
)
def test_wrong_inputs_end_in_a_readable_error_without_a_traceback(run, tmp_path, arguments, reason):
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "cut.onnx").write_bytes((tmp_path / "net.onnx").read_bytes()[:3000])
    (tmp_path / "empty").mkdir()
    done = run(*arguments)
    assert done.returncode == 2
    assert reason in done.stderr and "Traceback" not in done.stderr


def test_failures_before_the_start_are_in_the_json_too(run, tmp_path):
    run("nowhere.onnx", "--json", "r.json")
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [outcome["status"] for outcome in report["outcomes"]] == ["failed", "failed"]
    assert all(outcome["reason"] and outcome["next_step"] for outcome in report["outcomes"])


def test_the_calibration_method_changes_the_file(run, tmp_path):
    made = []
    for method in ("min-max", "kl"):
        wanted = ("--type", "ncnn_quan", "--ncnn-calibration", method, "--out", method)
        done = run("net.onnx", "--images", "images", *wanted, *SETTINGS)
        assert done.returncode == 0, done.stderr
        made.append((tmp_path / method / "net_int8.bin").read_bytes())
    assert len(made[0]) == len(made[1]) and made[0] != made[1]
    assert run("net.onnx", "--type", "ncnn_quan", "--ncnn-calibration", "magic").returncode == 2


def test_all_files_are_made_of_a_quantised_model_that_is_turned_back(run, tmp_path):
    quantized(tmp_path / "q.onnx", "qdq-unsigned", source=tmp_path / "net.onnx")
    arguments = ("q.onnx", "--images", "images", "--type", *TARGET_IDS, "--json", "r.json", *SETTINGS)
    refused = run(*arguments)
    assert refused.returncode == 1 and refused.stdout.count("add --dequantize to the command") == 6
    done = run(*arguments, "--dequantize")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert "dequantised" in report["notes"][0]
    assert {one["comparison"]["light"] for one in report["outcomes"]} == {"keeps"}
    assert all(one["comparison"]["cosine"] > 0.999 for one in report["outcomes"])


@pytest.mark.skipif(sys.platform == "win32", reason="links")
@pytest.mark.parametrize("arguments", [("--out", "loop/x"), ("--json", "net.onnx/r.json"), ("--images", "loop")])
def test_no_folder_makes_a_traceback(run, tmp_path, arguments):
    (tmp_path / "loop").symlink_to("loop")
    done = run("net.onnx", "--type", "onnx_fp16", *SETTINGS, *arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr and len(done.stderr.splitlines()) >= 2, done.stderr
    assert not list(tmp_path.glob("*_fp16.onnx"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_in_the_first_moments_leaves_no_traceback(tmp_path):
    conv_net(tmp_path / "net.onnx")
    for seconds in (0.15, 0.4, 1.0):  # the last one may be in the middle of the job
        command = [sys.executable, str(ROOT / "tools" / "export_quantize.py"), "net.onnx", "--type", "onnx_fp16"]
        with subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, "EDGEPRESS_HOME": str(tmp_path / "home")},
            stderr=subprocess.PIPE,
            encoding="utf-8",
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=60)
        assert process.returncode in (130, -signal.SIGINT), (process.returncode, stderr)
        assert "Traceback" not in stderr


def test_a_check_on_arm_without_the_emulator_is_refused_before_anything_is_made(run, tmp_path):
    done = run("net.onnx", "--type", "onnx_fp16", "--check-arm", "--json", "r.json", *SETTINGS)
    assert done.returncode == 2 and not list(tmp_path.glob("net_*")) and "Traceback" not in done.stderr
    reason = "The emulated ARM processor is not there yet." if arm.unavailable() is None else arm.unavailable()[0]
    assert (str(reason) in done.stderr and arm.COMMAND in done.stderr) or arm.unavailable() is not None
    assert json.loads((tmp_path / "r.json").read_text())["outcomes"][0]["status"] == "failed"


def test_a_processor_that_cannot_be_emulated_is_no_choice(run):
    done = run("net.onnx", "--check-arm", "z80")
    assert done.returncode == 2 and "cortex-a72" in done.stderr


def test_another_file_of_a_job_can_be_taken(run, tmp_path):
    job_id = finished_job(JobStore(tmp_path / "home"), tmp_path)
    done = run("--take", job_id, "ncnn_quan#1", "--json", "taken.json")
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "out") == VARIANTS[1]
    assert f"export_quantize.py --take {job_id} FILE" in done.stdout and "ncnn_quan " in done.stdout
    assert json.loads((tmp_path / "taken.json").read_text())["outcomes"][0]["variant"] == 1
    done = run("--take", job_id, "ncnn_quan", language="zh")
    assert done.returncode == 0 and "ncnn_quan#1" in done.stdout and content(tmp_path / "out") == VARIANTS[0]


@pytest.mark.parametrize(
    ("job_id", "file", "reason"),
    [
        ("no-job", "ncnn_quan#1", "There is no such job."),
        ("../..", "ncnn_quan#1", "There is no such job."),
        (None, "ncnn_quan#7", "no longer in the job's folder"),
        (None, "ncnn_quan#", "is not the name of one of the files"),
        (None, "ncnn_quan#99999999999999999999", "is not the name of one of the files"),
        (None, "#1", "no longer in the job's folder"),
    ],
)
def test_what_cannot_be_taken_is_told(run, tmp_path, job_id, file, reason):
    made = finished_job(JobStore(tmp_path / "home"), tmp_path)
    done = run("--take", job_id or made, file)
    assert done.returncode == 2 and reason in done.stderr and "Traceback" not in done.stderr
    assert content(tmp_path / "out") == VARIANTS[0]


@pytest.mark.parametrize(("language", "title"), [("en", "The files at a glance"), ("zh", "各文件一览")])
def test_the_report_is_in_the_console_s_language_with_its_figures_beside_it(run, tmp_path, language, title):
    arguments = ("net.onnx", "--images", "images", "--type", "onnx_fp16", *SETTINGS)
    for _ in range(2):  # the second one takes the place of the first
        done = run(*arguments, "--report", "out/r.html", "--json", "all.json", language=language)
    assert done.returncode == 0, done.stderr
    assert title in (tmp_path / "out" / "r.html").read_text(encoding="utf-8")
    data = json.loads((tmp_path / "out" / "r.json").read_text(encoding="utf-8"))
    assert data == json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"r.html", "r.csv", "r.json", "r.pictures.json"}
    job_id, _ = JobStore(tmp_path / "home").ids()
    assert job_id in done.stdout and str(tmp_path / "out" / "r.csv") in done.stdout
    assert data["environment"]["python"] == sys.version.split()[0]


def test_an_earlier_job_is_reported_without_converting_again(run, tmp_path):
    first = run("net.onnx", "--images", "images", "--type", "onnx_fp16", *SETTINGS)
    assert first.returncode == 0, first.stderr
    (job_id,) = JobStore(tmp_path / "home").ids()
    (tmp_path / "net.onnx").unlink()
    done = run("--job", job_id, "--report", "r.html")
    assert done.returncode == 0, done.stderr
    assert JobStore(tmp_path / "home").ids() == [job_id] and (tmp_path / "r.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("net.onnx", "--report", "r.txt"), "needs a name that ends in .html"),
        (("net.onnx", "--report", "net.onnx/r.html"), "cannot be written"),
        (("net.onnx", "--report", "images/labels.html"), '"labels.csv" is there already'),
        (("--job", "20261126-103000-1a2b", "--report", "r.html"), "There is no such job."),
        (("net.onnx", "--job", "20261126-103000-1a2b"), "takes neither a model nor --take"),
    ],
)
def test_what_cannot_be_reported_is_told_before_anything_runs(run, tmp_path, arguments, sentence):
    (tmp_path / "images" / "labels.csv").write_text("file,label\n")
    done = run(*arguments, "--type", "onnx_fp16")
    assert done.returncode == 2 and sentence in done.stderr
    assert JobStore(tmp_path / "home").ids() == [] and not list(tmp_path.glob("r.*"))
    assert (tmp_path / "images" / "labels.csv").read_text() == "file,label\n"


def test_kits_are_made_beside_the_files_and_their_programs_give_the_expected_answers(run, tmp_path):
    done = run("net.onnx", "--images", "images", "--type", "onnx_fp16", "ncnn_fp16", "--kit", "kits", *SETTINGS)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (tmp_path / "kits").iterdir()}
    assert made == {"net_fp16_kit", "net_fp16_kit.zip", "net_fp16_ncnn_kit", "net_fp16_ncnn_kit.zip"}
    for name in ("net_fp16_kit", "net_fp16_ncnn_kit"):
        assert str(tmp_path / "kits" / name) in done.stderr
        program = tmp_path / "kits" / name / "python" / "run.py"
        checked = subprocess.run(
            [sys.executable, program, "--check"], capture_output=True, encoding="utf-8", timeout=60
        )
        assert checked.returncode == 0 and "All 3 answers are as expected." in checked.stdout


def test_the_runtime_of_a_web_page_is_for_kits_only(run):
    done = run("net.onnx", "--images", "images", "--type", "onnx_fp16", "--kit-web", *SETTINGS)
    assert done.returncode == 2 and "no kit is asked for" in done.stderr


def test_a_kit_that_cannot_be_made_costs_no_file_but_the_exit_code(run, tmp_path):
    foreign = tmp_path / "kits" / "net_fp16_kit"
    foreign.mkdir(parents=True)
    (foreign / "mine.txt").touch()
    done = run("net.onnx", "--images", "images", "--type", "onnx_fp16", "--kit", "kits", *SETTINGS)
    assert done.returncode == 1 and "belongs to something else" in done.stderr
    assert (tmp_path / "net_fp16.onnx").is_file() and [path.name for path in foreign.iterdir()] == ["mine.txt"]
