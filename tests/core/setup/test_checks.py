from core.setup.checks import steps


def test_the_tests_are_the_last_check():
    names = ["ruff check", "ruff format", "mypy", "import-linter", "interrogate", "pytest"]
    assert [check.name for check in steps(())] == names
    assert steps(["-k", "x"])[-1].arguments == ("-m", "pytest", "-k", "x")
