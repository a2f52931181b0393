"""Documents: every link and every path of the project that they name exists."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath

LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_PATH = re.compile(r"`((?:analysis|benchmarks|docs|notebooks|sql|tests)/[\w./-]+)(?:::\w+)?`")
CREATED_PATH = re.compile(r"Create\s+`([^`]+)`")


def document_faults(name: str, text: str, exists: Callable[[str], bool]) -> list[str]:
    """Links and paths that lead nowhere; a file that a recipe creates is fine."""
    text_without_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    folder, created = PurePosixPath(name).parent, set(CREATED_PATH.findall(text))
    links = [link for link in LINK.findall(text_without_code) if "://" not in link]
    targets = [(link, str(folder / link.partition("#")[0])) for link in links if link[0] != "#"]
    paths = set(NAMED_PATH.findall(text_without_code)) - created
    missing = [link for link, target in targets if not exists(target)]
    missing += sorted(path for path in paths if not exists(path))
    return [f"names {path}, which does not exist" for path in missing]
