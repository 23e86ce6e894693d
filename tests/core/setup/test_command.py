import subprocess
import sys

import pytest

from core.common.paths import PROJECT_ROOT
from core.setup.command import run_captured


def python(code, **options):
    return run_captured([sys.executable, "-c", code], **options)


def test_output_that_is_not_utf_8_is_read_all_the_same():
    ran = python("import sys; sys.stdout.buffer.write(b'a\\xff'); sys.stderr.write('b'); sys.exit(3)")
    assert (ran.stdout, ran.stderr, ran.returncode) == ("a\ufffd", "b", 3)


def test_it_runs_in_the_projects_folder_with_the_variables_and_no_input():
    code = "import os, sys; print(os.getcwd(), os.environ['EDGEPRESS_TRIAL'], repr(sys.stdin.read()))"
    assert python(code, variables={"EDGEPRESS_TRIAL": "x"}).stdout.split() == [str(PROJECT_ROOT), "x", "''"]


def test_a_command_that_takes_too_long_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        python("import time; time.sleep(60)", timeout=0.5)
