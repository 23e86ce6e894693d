import errno

import pytest

from core.common.errors import ConversionError
from core.common.text import say
from core.common.unexpected_errors import as_conversion_error, as_readable_error, describe_unexpected_error


def caught(exc):
    try:
        raise exc
    except type(exc) as raised:
        return raised


@pytest.mark.parametrize(
    ("exc", "said"),
    [
        (MemoryError(), "The memory of this computer was not enough."),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (OSError(errno.EIO, "Input/output error"), "did not expect: OSError: [Errno 5]"),
        (KeyError("blob"), "did not expect: KeyError: 'blob'"),
    ],
    ids=repr,
)
def test_it_has_a_reason_a_next_step_and_the_places_in_the_code(exc, said):
    reason, next_step, detail = describe_unexpected_error(caught(exc))
    assert said in str(reason) and str(next_step)
    assert "Traceback" not in detail and detail.endswith("in caught")


def test_a_conversion_error_stays_itself_and_another_becomes_one():
    own = ConversionError(say("starting"), next_step=say("Done."))
    assert as_conversion_error(own) is own
    other = as_conversion_error(caught(KeyError("blob")))
    assert "KeyError" in str(other.reason) and other.next_step and "in caught" in other.detail


def test_at_the_last_boundary_every_error_is_in_words():
    assert as_readable_error(ConversionError(say("So."), next_step=say("Then."))).next_step
    found = as_readable_error(caught(RuntimeError("Symlink loop")))
    assert "Symlink loop" in str(found.reason) and "in caught" in found.detail
