"""All errors, as one class hierarchy.

::

    EdgePressError             what failed, why, and what to do next
    ├── InputError             something the person gave cannot be used
    │   ├── SourceError        the ONNX file
    │   ├── ImagesError        the image folder or its labels
    │   ├── CheckpointError    the PyTorch checkpoint or its config
    │   │   └── ConsentNeeded  opening it may run code; only the person can allow that
    │   └── OptionError        a size, a colour order, an output folder ...
    ├── TargetRefused          this target cannot be made from this source; known without trying
    ├── ConversionError        making the target was tried and did not work
    │   ├── VerificationError  a file was made, but it is wrong
    │   └── RunLimitError      one run of a model took too much time or memory
    ├── ToolError              a part of the toolchain is missing or broken
    └── Cancelled              the person ended it

Inside the core these are raised; only the runner turns one into an outcome, and only the
front ends (pages, command line) choose how it looks.
"""

from __future__ import annotations

from core.common.text import Text


class EdgePressError(Exception):
    """A readable error: what failed and why, the next step, and technical detail."""

    def __init__(self, reason: Text, *, next_step: Text, detail: str = "") -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.next_step = next_step
        self.detail = detail


class InputError(EdgePressError):
    """Something the person gave cannot be used."""


class SourceError(InputError):
    """The ONNX file cannot be used."""


class ImagesError(InputError):
    """The image folder or its labels cannot be used."""


class CheckpointError(InputError):
    """The PyTorch checkpoint or its config cannot be used."""


class ConsentNeeded(CheckpointError):
    """Opening the checkpoint may run code; only the person can allow that."""


class OptionError(InputError):
    """A setting cannot be used."""


class TargetRefused(EdgePressError):
    """A target cannot be made from this source, which is known without trying."""


class ConversionError(EdgePressError):
    """Making the target was tried and did not work."""


class VerificationError(ConversionError):
    """A file was made, but it does not do what the source does."""


class RunLimitError(ConversionError):
    """One run of a model took too much time or memory; another run would, too."""


class ToolError(EdgePressError):
    """A part of the toolchain is missing or broken."""


class Cancelled(EdgePressError):
    """The person ended it."""
