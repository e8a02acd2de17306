"""What cannot be exported as it was asked for."""

from __future__ import annotations


class ExportError(ValueError):
    """Says the thing, its value, what was expected and the remedy. Nothing was written."""
