"""A real little npm project in a git checkout: `lint` warns of old words, `build` copies a file."""

import json
import subprocess
from pathlib import Path

LINT = """
const fs = require("fs");
const text = fs.readFileSync("index.js", "utf8");
const warnings = (text.match(/var /g) || []).length;
for (let i = 0; i < warnings; i++) console.log(`index.js\\n  ${i + 1}:1  \\u001b[33mwarning\\u001b[39m  'var' is old  no-var`);
if (warnings) console.log(`\\n\\u2716 ${warnings} problems (0 errors, ${warnings} warnings)\\n  0 errors and ${warnings} warnings potentially fixable`);
if (text.includes("debugger")) { console.error("index.js: error debugger"); process.exit(1); }
"""
BUILD = 'require("fs").cpSync("index.js", "dist.js"); console.log("built dist.js");'


def make_project(tmp_path: Path) -> Path:
    """The project on a branch `work`, one commit after nothing on `main`."""
    folder = tmp_path / "app"
    (folder / "prisma").mkdir(parents=True)
    (folder / "package.json").write_text(
        json.dumps(
            {
                "name": "app",
                "private": True,
                "scripts": {"lint": "node lint.js", "build": "node build.js"},
            }
        )
    )
    (folder / "index.js").write_text("var answer = 42;\nvar question = 6;\n")
    (folder / "lint.js").write_text(LINT)
    (folder / "build.js").write_text(BUILD)
    (folder / "prisma" / "schema.prisma").write_text("model Call {}\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "checkout", "-q", "-b", "work")
    return folder


def git(folder, *arguments: str) -> str:
    names = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "tag.gpgsign=false",
    ]
    done = subprocess.run(
        ["git", "-C", str(folder), *names, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
