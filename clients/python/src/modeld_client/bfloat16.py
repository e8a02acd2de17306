"""bfloat16 for NumPy, which has no such dtype of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

try:
    from ml_dtypes import bfloat16 as _ml_bfloat16

    ML_BFLOAT16: np.dtype[Any] | None = np.dtype(_ml_bfloat16)
except ImportError:
    ML_BFLOAT16 = None


class BFloat16Array:
    """A bfloat16 tensor as its 16-bit patterns, for use without the package `ml_dtypes`.

    `np.asarray(x)` widens it to float32, which is exact.
    """

    def __init__(self, bits: npt.NDArray[np.uint16]) -> None:
        if bits.dtype != np.uint16:
            raise TypeError(f"bits must be uint16, not {bits.dtype}; from_float32 rounds numbers to bfloat16")
        self.bits = bits

    @classmethod
    def from_float32(cls, array: npt.ArrayLike) -> BFloat16Array:
        """Rounds to the nearest bfloat16, ties to even."""
        wide = np.asarray(array, dtype=np.float32)
        pattern = wide.view(np.uint32)
        # Adding just under half of the dropped part, or exactly half where the kept part is odd, carries into
        # the kept part when rounding up. NaN would carry over to infinity, so it keeps its top bits and the
        # quiet bit.
        odd = (pattern >> np.uint32(16)) & np.uint32(1)
        rounded = (pattern + np.uint32(0x7FFF) + odd) >> np.uint32(16)
        quiet = (pattern >> np.uint32(16)) | np.uint32(0x0040)
        return cls(np.where(np.isnan(wide), quiet, rounded).astype(np.uint16))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.bits.shape

    def to_float32(self) -> npt.NDArray[np.float32]:
        return (self.bits.astype(np.uint32) << np.uint32(16)).view(np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a BFloat16Array cannot become an array without a copy")
        wide = self.to_float32()
        return wide if dtype is None else wide.astype(dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BFloat16Array) and np.array_equal(self.bits, other.bits)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"BFloat16Array({self.to_float32()!r})"
