import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from array_model import two_input_net

from core.html_report.command_line import CLASS_NAMES, command_line, quoted_for_powershell
from core.job.job import Job
from core.onnx_model.inspect import inspect
from small import PREPROCESSING, conv_net, pictures
from tools.export_quantize import _job, _parser


@pytest.fixture
def job(tmp_path) -> Job:
    """Its names have what shells would act on."""
    source = conv_net(tmp_path / "it's $HOME; rm * & <x> `y`" / 'a "net".onnx')
    images = pictures(tmp_path / "my photos (2)", 4)
    how = replace(PREPROCESSING, mean=(-1.0, 116.279, 103.53), std=(58.395, 57.12, 1 / 3), fit="pad", color="bgr")
    return Job(source, ("onnx_fp16", "ncnn"), how, tmp_path / "out", images, model=inspect(source))


def asked(command: str) -> Job:
    """The job for which the command asks."""
    words = shlex.split(command)
    assert words[:2] == ["python", "tools/export_quantize.py"]
    return _job(_parser().parse_args(words[2:]))


def same(one: Job, other: Job) -> bool:
    """Whether both ask for the same; preflight and model are found out anew."""
    plain = (replace(each, model=None, preflight=()) for each in (one, other))
    return len({repr(each) for each in plain}) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"keep": 0.985, "change": "little"},
        {"change": "nothing"},
        {"change": "smallest", "score": 0.3, "task": "classification"},
        {"ncnn_tools": "official", "ncnn_calibration": "kl", "dequantize": True},
    ],
)
def test_the_command_asks_for_the_same_job(job, changes):
    changed = replace(job, **changes)
    changed = replace(changed, preprocessing=replace(changed.preprocessing, std=(58.395, 57.12, 0.333333333333)))
    if changed.test_images is None:
        changed = replace(changed, test_images=pictures(job.out.parent / "-- test", 2, seed=1))
    command = command_line(changed, is_windows=False)
    assert same(asked(command), changed), command


def test_arrays_have_no_preprocessing_and_inputs_their_values(tmp_path):
    path = two_input_net(tmp_path / "arrays.onnx")
    job = Job(path, ("onnx_fp16",), PREPROCESSING, tmp_path, inputs={"-x": "zeros:2,1 "}, model=inspect(path))
    words = shlex.split(command_line(job, is_windows=False))
    assert "--size" not in words and "--input=-x=zeros:2,1 " in words
    assert _parser().parse_args(words[2:]).input == [("-x", "zeros:2,1 ")]


def test_typed_class_names_have_to_be_put_into_a_file(job):
    words = shlex.split(command_line(replace(job, class_names=("a", "b")), is_windows=False))
    assert words[words.index("--class-names") + 1] == CLASS_NAMES


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("C:\\models\\net.onnx", "C:\\models\\net.onnx"),
        ("C:\\my models\\net.onnx", '"C:\\my models\\net.onnx"'),
        ("224,224", '"224,224"'),
        ("a & b | (c)", '"a & b | (c)"'),
        ("it's", '"it\'s"'),
        ("100% $HOME", "'100% $HOME'"),
        ("`it's` ’", "'`it''s` ’’'"),
        ("图片", '"图片"'),
        ("", '""'),
    ],
)
def test_words_are_quoted_so_that_powershell_leaves_them_alone(word, quoted):
    assert quoted_for_powershell(word) == quoted


def test_a_command_for_windows_is_in_its_own_quotes(job):
    moved = replace(job, source=Path("net.onnx"), out=Path("my results"), images=None, targets=("ncnn",))
    command = command_line(moved, is_windows=True)
    assert command.startswith('python tools\\export_quantize.py net.onnx --type ncnn --out "my results" --size "32,32"')
    assert '"--mean=-1,116.279,103.53"' in command
