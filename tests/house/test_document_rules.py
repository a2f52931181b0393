"""The rules of documents find links and paths that lead nowhere, and nothing else."""

from tests.house.document_rules import document_faults


def test_a_link_or_path_that_leads_nowhere_is_found():
    existing = {"docs/speed.md", "docs/speed.svg", "analysis/judge.py", "README.md"}
    text = "[speed](speed.md#tables) ![](speed.svg) [top](#top) [web](https://x.example/y.md)\n"
    text += "Read `analysis/judge.py`. Create `analysis/new.py`:\n```sh\ncat `sql/gone.sql`\n```\n"
    assert document_faults("docs/page.md", text, existing.__contains__) == []
    broken = "[old](old.md) and `analysis/gone.py`, `tests/x.py::test_y`"
    assert len(document_faults("docs/page.md", broken, existing.__contains__)) == 3
