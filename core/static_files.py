"""How static files are stored: named by their content, compressed beside the original."""

from typing import Any

from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it is untyped
    """With gzip alone: brotli, where it is installed, would add a quarter of a minute of CPU to the first start."""

    def create_compressor(self, **kwargs: Any) -> Compressor:
        return Compressor(use_brotli=False, **kwargs)
