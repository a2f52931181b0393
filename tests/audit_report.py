"""The last lines of `make audit`: what `pip-audit --format json` found, from stdin."""

import json
import sys
from typing import Any


def summarise_audit(audit: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit code and lines. The code is 1 when a package has a known vulnerability.

    When the service was not reachable, the one line reports that, and the code is 0.
    """
    packages = audit.get("dependencies", [])
    checked = [package for package in packages if "vulns" in package]
    if not checked:
        return 0, [
            "the vulnerability service is not reachable, so no package was checked; "
            "run 'make audit' on a machine with access to it"
        ]
    lines = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for package in checked
        for vulnerability in package["vulns"]
    ]
    count = f"{len(checked)} of {len(packages)} locked packages checked"
    return int(bool(lines)), [*lines, f"{count}, {len(lines)} known vulnerabilities"]


if __name__ == "__main__":
    text = sys.stdin.read()
    code, lines = summarise_audit(json.loads(text) if text.strip() else {})
    print("\n".join(lines))
    sys.exit(code)
