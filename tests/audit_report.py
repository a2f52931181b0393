"""What `pip-audit --format json` found, in a few lines: `make audit` ends with it."""

import json
import sys
from typing import Any


def report(found: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit code and lines: 1 when a known vulnerability is among them; nothing looked up is said, and is no clean bill."""
    packages = found.get("dependencies", [])
    looked_up = [package for package in packages if "vulns" in package]
    lines = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, mended in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in looked_up
        for vulnerability in package["vulns"]
    ]
    if not looked_up:
        return 0, [
            "the vulnerability service cannot be reached here, so nothing was looked up; run 'make audit' where it can"
        ]
    return int(bool(lines)), [
        *lines,
        f"{len(looked_up)} of {len(packages)} locked packages looked up, {len(lines)} known vulnerabilities",
    ]


if __name__ == "__main__":
    text = sys.stdin.read()
    code, lines = report(json.loads(text) if text.strip() else {})
    print("\n".join(lines))
    sys.exit(code)
