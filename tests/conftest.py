import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop in this thread, in which no other can be started.

    Tests that take minutes run only where they are asked for by their marker.
    """
    for marker in ("openmmlab", "arm", "kit"):
        if marker not in config.getoption("markexpr"):
            config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker(marker)])
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
