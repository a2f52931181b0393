"""rollout.toml, checked and frozen."""

from analysis.config.loading import load_settings
from analysis.config.settings import Claim, Settings

__all__ = ["Claim", "Settings", "load_settings"]
