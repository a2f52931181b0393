"""Where the pages of a rollout lie, and how they link to each other: relative, for a file system and a static host alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import clock
from analysis.text.prose import when_text
from analysis.text.verdict import VERDICTS

if TYPE_CHECKING:
    from analysis.config import Settings


@dataclass(frozen=True)
class Link:
    """A link to another page of the rollout."""

    href: str
    text: str


@dataclass(frozen=True)
class PageFacts:
    """What stands around the notebook's cells.

    Attributes
    ----------
    title : of the window or tab.
    name, place : whose page it is, and which one.
    links : to its neighbours, relative, so that they work from a file system too.
    footer : what made it, and when.
    """

    title: str
    name: str
    place: str
    links: tuple[Link, ...]
    footer: str


def facts_of(settings: Settings, result: Mapping[str, Any], folder: Path) -> PageFacts:
    """What stands around the cells of a report in `folder`."""
    name, title = settings.rollout.name, settings.rollout.title
    up = settings.paths.up_from(folder)
    links = [Link(f"{up}index.html", "All windows")]
    if "look" in result:
        label, word = result["look"]["window"], VERDICTS[result["verdict"]].word
        links.append(Link(f"{up}baseline/report.html", "Baseline"))
        place, page_title = (
            f"window {label} · deployed {when_text(result['deployed_at'])}",
            f"{word} · {name} · {label}",
        )
    else:
        place, page_title = "baseline", f"Baseline · {name}"
    return PageFacts(page_title, str(title), f"{name} · {place}", tuple(links), made_by(result))


def made_by(result: Mapping[str, Any]) -> str:
    """The line at the end of a page."""
    at = when_text(clock.iso(clock.now().replace(microsecond=0)))
    return f"Made by rollout {result['provenance']['version']} on {at}. All times are UTC."
