"""What surrounds the content of a page: titles, links to its neighbours, the footer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis import clock
from analysis.config import Settings
from analysis.text.prose import when_text
from analysis.text.verdict import VERDICTS


@dataclass(frozen=True)
class Link:
    """A link to another page of the rollout, relative, so that it works from a file system too."""

    href: str
    text: str


@dataclass(frozen=True)
class PageFrame:
    """What surrounds the cells of a report.

    Attributes
    ----------
    title : of the browser's tab.
    name : the rollout's title.
    place : which page of which rollout it is.
    footer : what made it, and when.
    """

    title: str
    name: str
    place: str
    links: tuple[Link, ...]
    footer: str


def frame_of(settings: Settings, result: Mapping[str, Any], folder: Path) -> PageFrame:
    """What surrounds the cells of the report in `folder`."""
    name, up = settings.rollout.name, settings.paths.up_from(folder)
    links = [Link(f"{up}{settings.paths.index.name}", "All windows")]
    if "look" in result:
        label, word = result["look"]["window"], VERDICTS[result["verdict"]].word
        place = f"window {label} · deployed {when_text(result['deployed_at'])}"
        title = f"{word} · {name} · {label}"
        baseline_page = settings.paths.relative(settings.paths.baseline.page)
        links.append(Link(f"{up}{baseline_page}", "Baseline"))
    else:
        place, title = "baseline", f"Baseline · {name}"
    version = result["provenance"]["version"]
    footer = f"Made by rollout {version} on {now_text()}. All times are UTC."
    return PageFrame(title, settings.rollout.title, f"{name} · {place}", tuple(links), footer)


def now_text() -> str:
    """The present second, for people."""
    return when_text(clock.now().replace(microsecond=0))
