from core.setup.checks import steps


def test_the_tests_are_the_last_check():
    names = ["ruff check", "ruff format", "mypy", "import-linter", "interrogate", "pytest"]
    assert [check.name for check in steps(())] == names
    arguments = steps(["-n", "0", "-k", "x"])[-1].arguments
    assert arguments[:2] == ("-m", "pytest")
    assert arguments[-4:] == ("-n", "0", "-k", "x")  # the last -n counts
