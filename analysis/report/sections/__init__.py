"""The sections of a page as objects: a notebook calls them, and the page shows their output."""

from analysis.report.sections.baseline import BaselineSections
from analysis.report.sections.window import WindowSections, choose_look

__all__ = ["BaselineSections", "WindowSections", "choose_look"]
