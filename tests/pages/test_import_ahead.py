import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CODE = """
import sys
from pages.parts.server.import_ahead import import_ahead
before = {"altair", "pandas", "onnx"} & set(sys.modules)
import_ahead().join()
print(sorted(before), sorted({"altair", "pandas", "onnx"} & set(sys.modules)))
"""


def test_what_takes_long_is_imported_without_a_page():
    ran = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[] ['altair', 'onnx', 'pandas']" and "Traceback" not in ran.stderr
