"""rollout says whether the deploy fixed it, whether it broke anything, and whether it will last.

>>> import analysis                                     # doctest: +SKIP
>>> analysis.open("rollout.toml").look("24h").verdict   # doctest: +SKIP
>>> analysis.open("rollout.toml").feature("draft.verify.email.step3").km()   # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.judge import Look
    from analysis.report.explore.explorer import open_rollout as open
    from analysis.rollout import Rollout

__version__ = "0.1.0"
__all__ = ["Look", "Rollout", "__version__", "open"]
_MODULES = {
    "open": ("analysis.report.explore.explorer", "open_rollout"),
    "Rollout": ("analysis.rollout", "Rollout"),
    "Look": ("analysis.judge", "Look"),
}
"""Where the public names are made, so that a command that needs no pandas imports none."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    module, attribute = _MODULES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
