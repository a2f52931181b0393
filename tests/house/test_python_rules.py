"""The rules of Python find what they forbid, and nothing else."""

import pytest

from tests.house.python_rules import (
    attributes_of,
    blanket_ignore_faults,
    classes_of_one_name,
    clock_faults,
    long_line_faults,
    optional_attribute_faults,
    repeated_code,
    write_faults,
)


@pytest.mark.parametrize(
    "call",
    ["datetime.now(UTC)", "datetime.datetime.utcnow()", "pd.Timestamp.now('UTC')", "time.time()"],
)
def test_a_real_clock_is_found(call):
    assert clock_faults("analysis/judge.py", call)
    assert not clock_faults("analysis/clock.py", call)
    assert not clock_faults("analysis/judge.py", "time.monotonic(); clock.now()")


@pytest.mark.parametrize(
    "call",
    [
        "open(path, 'w')",
        "path.open(mode='ab')",
        "path.write_text(text)",
        "frame.to_csv(path)",
        "pq.write_table(t, path)",
    ],
)
def test_writing_without_the_files_module_is_found(call):
    assert write_faults("analysis/judge.py", call)


@pytest.mark.parametrize(
    "call",
    [
        "open(path, 'rb')",
        "files.write_text(path, text)",
        "frame.to_parquet(temporary)",
        "temporary.write_text(text)",
        "with open(path, 'xb') as temporary: ...",
    ],
)
def test_reading_and_writing_by_the_files_module_are_fine(call):
    assert not write_faults("analysis/judge.py", call)


def test_an_optional_method_is_found_and_a_foreign_attribute_is_fine():
    attributes = attributes_of({"a.py": "class A:\n    wait_s: float\n    def columns(self): ..."})
    assert optional_attribute_faults("getattr(engine, 'columns', dict)()", attributes)
    assert optional_attribute_faults("hasattr(error, 'wait_s')", attributes)
    assert not optional_attribute_faults("getattr(error, 'errno', None)", attributes)
    assert not optional_attribute_faults("getattr(settings, name)", attributes)


@pytest.mark.parametrize(
    ("comment", "is_fault"),
    [
        ("# type: ignore", True),
        ("# type: ignore[arg-type]", True),
        ("# type: ignore[arg-type]  # the stub lacks a keyword", False),
        ("# noqa", True),
        ("# noqa: PTH207", False),
    ],
)
def test_a_blanket_ignore_is_found(comment, is_fault):
    assert bool(blanket_ignore_faults(f"x = f()  {comment}")) is is_fault


def test_a_long_line_is_found():
    assert long_line_faults("x" * 100 + "\n" + "y" * 101) == ["line 2 has 101 columns"]


def test_two_public_classes_of_one_name_are_found():
    texts = {"a.py": "class Look: ...\nclass _Row: ...", "b.py": "class Look: ...\nclass _Row: ..."}
    assert classes_of_one_name(texts) == {"Look": ["a.py", "b.py"]}


def test_repeated_code_is_found_once_for_a_run():
    run = "\n".join(f"x{number} = f({number})" for number in range(9))
    texts = {"a.py": f"import os\n{run}\n", "b.py": f'"""Text."""\n\ny = 1\n{run}\n'}
    assert repeated_code(texts) == ["a.py:2 = b.py:4"]
    assert repeated_code({"a.py": run, "b.py": run.replace("x5", "z5")}) == []
