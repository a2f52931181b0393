"""rollout says whether the deploy fixed it, whether it broke anything, and whether it will last.

>>> import analysis                                     # doctest: +SKIP
>>> analysis.open("rollout.toml").look("24h").verdict   # doctest: +SKIP
>>> analysis.open("rollout.toml").feature("draft.verify.email.step3").km()   # doctest: +SKIP
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
_PUBLIC = {
    "open": ("analysis.report.explore.explorer", "open_rollout"),
    "Rollout": ("analysis.judge", "Rollout"),
    "Look": ("analysis.judge", "Look"),
}
__all__ = [
    "Look",
    "Rollout",
    "__version__",
    "open",
]  # made by __getattr__, so that a command that needs no pandas loads none


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    return getattr(import_module(module), attribute)
