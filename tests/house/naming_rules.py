"""Names of files and folders: a stranger who sees only the name knows what is in it."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

REQUIRED_FOLDERS = {"analysis", "benchmarks", "notebooks", "outputs", "sql", "tests"}
ALLOWED_FOLDERS = REQUIRED_FOLDERS | {".ci", ".github", "docs"}
MODULES_A_ROOM = 12
EMPTY_WORDS = {"base", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
EMPTY_NAMES = {
    "around",
    "before_and_after",
    "by_hand",
    "coded",
    "common",
    "desk",
    "foresight",
    "given",
    "kinds",
    "known_rows",
    "lines",
    "origin",
    "parts",
    "pieces",
    "place",
    "places",
    "shelf",
    "strip",
    "things",
    "trail",
    "world",
}
PARTICIPLE = re.compile(r"[a-z]+([^e]ed|ing)|given|known|made|found|told|kept|seen")
PARTICIPLES_THAT_NAME = {
    "contributing",
    "counting",
    "failed",  # outputs/.../failed.html
    "formatting",
    "loading",
    "mapping",
    "meaning",
    "recovered",  # the metric recovered_rate
    "scanning",
    "screening",
    "sustained",
}


def naming_faults(name: str) -> list[str]:
    """Folders and files of a path whose names say nothing: a list, and participles alone."""
    faults = []
    for part in PurePosixPath(name).parts:
        stem = part.split(".")[0].lower().removeprefix("test_").removeprefix("_")
        if EMPTY_WORDS & set(re.split(r"[_-]", stem)) or stem in EMPTY_NAMES:
            faults.append(f"'{part}' says nothing")
        elif PARTICIPLE.fullmatch(stem) and stem not in PARTICIPLES_THAT_NAME:
            faults.append(f"'{part}' is a participle alone")
    return faults


def crowded_rooms(names: Iterable[str]) -> dict[str, int]:
    """Folders of analysis/ with more modules than a room should have, without its sub-rooms."""
    folders = Counter(
        str(path.parent)
        for path in map(PurePosixPath, names)
        if path.suffix == ".py" and path.stem != "__init__" and str(path.parent) != "analysis"
    )
    return {folder: count for folder, count in folders.items() if count > MODULES_A_ROOM}
