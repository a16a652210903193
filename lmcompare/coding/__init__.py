"""Texts as small files: arithmetic coding by a trained model, and back to the very same bytes."""

from lmcompare.coding.files import Written, compress, compressor, decompress

__all__ = ["Written", "compress", "compressor", "decompress"]
