"""The command line: argv in, text and exit code out.

A command parses, opens, makes one call and prints. What it needs is imported when it runs.
"""

from analysis.cli import analysis_commands, deployment_commands
from analysis.cli.app import app
from analysis.cli.entry_point import main

__all__ = ["analysis_commands", "app", "deployment_commands", "main"]
