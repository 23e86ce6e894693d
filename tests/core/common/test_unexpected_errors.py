import errno

import pytest

from core.common.errors import ConversionError
from core.common.text import say
from core.common.unexpected_errors import as_conversion_error, describe_unexpected_error


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
def test_it_has_a_reason_a_next_step_and_the_traceback(exc, said):
    reason, next_step, detail = describe_unexpected_error(caught(exc))
    assert said in str(reason) and str(next_step)
    assert "Traceback" in detail and "in caught" in detail


def test_a_conversion_error_stays_itself_and_another_becomes_one():
    own = ConversionError(say("starting"), next_step=say("Done."))
    assert as_conversion_error(own) is own
    other = as_conversion_error(caught(KeyError("blob")))
    assert "KeyError" in str(other.reason) and other.next_step and "Traceback" in other.detail
