"""museval, imported where ffmpeg is not on PATH too.

It imports musdb, which imports stempeg, which raises there. Only its reading of data
sets needs them.
"""

import sys
import types

_kept = sys.modules.get("musdb")
sys.modules["musdb"] = types.ModuleType("musdb")
try:
    import museval
    from museval import aggregate, metrics
finally:
    del sys.modules["musdb"]
    if _kept is not None:
        sys.modules["musdb"] = _kept

__all__ = ["aggregate", "metrics", "museval"]
