"""Every error quotewright raises on purpose; the class says what the caller should do.

    QuotewrightError
    ├── InputError      what the user gave is wrong: correct it and call again   (exit code 2)
    │   └── ParseError  one field of one record cannot be read exactly
    ├── DataError       stored or recorded data is damaged: re-import or restore (exit code 3)
    ├── MissingExtraError    an optional package is needed: install it                (exit code 4)
    ├── PauseError      quoting must pause until the condition named has passed  (exit code 5)
    └── HaltError       trading must stop and a person must look                 (exit code 6)

Anything else that escapes is a bug in quotewright (exit code 1).
"""

from __future__ import annotations


class QuotewrightError(Exception):
    """Base of the tree; `exit_code` is what the command line returns for it."""

    exit_code = 1


class InputError(QuotewrightError):
    """Wrong input, told as field, value and what to do about it."""

    exit_code = 2

    def __init__(self, field: str, value: object, fix: str) -> None:
        self.field = field
        self.value = value
        self.fix = fix
        super().__init__(f"{field}: {value!r}: {fix}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, object, str]]:
        """So that worker processes can send it."""
        return type(self), (self.field, self.value, self.fix)


class ParseError(InputError):
    """A field that cannot be turned into integers exactly."""


class DataError(QuotewrightError):
    """A file or dataset that is damaged, incomplete or not what it claims to be."""

    exit_code = 3


class MissingExtraError(QuotewrightError):
    """An optional dependency that is not installed; the message names the command that installs it."""

    exit_code = 4


class PauseError(QuotewrightError):
    """Quoting has to pause: the market view cannot be trusted for the moment."""

    exit_code = 5


class HaltError(QuotewrightError):
    """Trading has to stop: an invariant or a hard limit was broken."""

    exit_code = 6
