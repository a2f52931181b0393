"""The public names of the package: listed, typed and imported when they are used."""

import subprocess
import sys
from pathlib import Path

import pytest

import analysis

ROOT = Path(__file__).parents[1]


def test_dir_lists_the_public_names():
    assert dir(analysis) == ["Look", "Rollout", "__version__", "open"]
    assert analysis.Rollout.__name__ == "Rollout"
    assert callable(analysis.open)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'close'"):
        _ = analysis.close


def test_the_import_alone_loads_no_library_of_numbers():
    code = "import sys, analysis; print(sorted(sys.modules.keys() & {'pandas', 'numpy', 'scipy'}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
