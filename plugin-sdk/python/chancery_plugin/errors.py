"""Why a call gave no result: one text for the holder, one for the operator."""

from __future__ import annotations

import datetime

from ._text import kind, said


class PluginError(Exception):
    """A failure as the host takes it. Raise one of the classes below.

    `message` may be shown to the holder: one sentence, no personal data, no internals; the host cuts it
    at 512 bytes. `detail` is for the operator's log only: the source's answer, a row number, a path.
    """

    def __init__(self, message: str, *, detail: object = None) -> None:
        super().__init__(message)
        # Whatever was given: an error that cannot say itself would be another one.
        self.message = said(message)
        self.detail = None if detail is None else said(detail)

    def __str__(self) -> str:
        # The public text only, so that formatting an error never gives the private one away.
        return self.message


class NotFound(PluginError):
    """The source does not know this subject. Not a failure of the plugin."""


class Denied(PluginError):
    """The source knows the subject and refuses. Not a failure of the plugin."""


class InvalidRequest(PluginError):
    """The request cannot be answered as it is: a claim is missing, a setting does not fit."""


class Unavailable(PluginError):
    """The source does not answer now.

    `retry_after` says when another attempt makes sense: seconds, or a `timedelta`.
    """

    def __init__(
        self, message: str, *, detail: object = None, retry_after: float | datetime.timedelta | None = None
    ) -> None:
        super().__init__(message, detail=detail)
        self.retry_after = retry_after


class Misconfigured(PluginError):
    """The operator has to change configuration, grant or source."""


class Internal(PluginError):
    """A defect of the plugin. Whatever else is raised and not caught becomes this."""


class CapabilityError(Exception):
    """Why a capability of the host did not do what it was asked for.

    One that is not caught becomes the `PluginError` that `as_plugin_error` says.
    """

    def as_plugin_error(self) -> PluginError:
        """The failure as the host takes it."""
        raise NotImplementedError


def milliseconds(duration: float | datetime.timedelta, bits: int) -> int:
    """A duration in seconds as the contract says it: whole milliseconds in an unsigned integer.

    Raises `TypeError` and `ValueError` for what is no duration.
    """
    seconds = duration.total_seconds() if isinstance(duration, datetime.timedelta) else duration
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"seconds or a timedelta are expected, not {kind(duration)}")
    if seconds != seconds:
        raise ValueError("seconds are expected, not NaN")
    # Neither negative nor more than fits: a wait that is cut is only a wait of another length.
    limit: int = 2**bits - 1
    return round(max(0, min(seconds * 1000, limit)))
