import os
from dataclasses import replace
from pathlib import Path

import pytest

from core.job.job import Job
from core.onnx_model.inspect import inspect
from core.preprocessing import Preprocessing
from small import conv_net


@pytest.fixture
def job(tmp_path):
    source = inspect(conv_net(tmp_path / "net.onnx"))
    return Job(source.path, ("ncnn",), Preprocessing((8, 8)), tmp_path / "out", model=source)


def test_the_inspected_model_counts_until_its_file_changes_or_is_gone(job):
    assert job.inspected is job.model
    assert replace(job, model=None).inspected is None
    assert replace(job, dequantize=True).inspected is None  # it was not inspected for that
    os.utime(job.source, ns=(1, 1))
    assert job.inspected is None
    job.source.unlink()
    assert job.inspected is None


def test_an_absolute_job_means_the_same_files_from_any_folder(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = replace(
        job, source=Path("net.onnx"), out=Path("out"), images=Path("a"), model=replace(job.model, path=Path("net.onnx"))
    )
    absolute = relative.absolute()
    assert (absolute.source, absolute.out, absolute.images) == (job.source, job.out, tmp_path / "a")
    assert absolute.model == job.model and absolute.test_images is None
    assert absolute.absolute() == absolute
