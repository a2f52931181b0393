"""A kind of claim says where the post value must lie and what it is compared with."""

import pytest

from analysis.claim_kinds import ANY_OF, CLAIM_KINDS, UNDECLARED, claim_kind
from analysis.config.settings import Claim


@pytest.mark.parametrize(
    ("name", "worse", "good_side", "null_change"),
    [
        ("falls", "up", "less", -0.25),
        ("falls", "down", "less", -0.25),
        ("rises", "up", "greater", 0.25),
        ("no_worse", "up", "less", 0.25),
        ("no_worse", "down", "greater", -0.25),
        ("below", "up", "less", 0.0),
        ("stays_zero", "up", "less", 0.0),
    ],
)
def test_the_good_side_and_the_null(name, worse, good_side, null_change):
    kind = claim_kind(name)
    assert kind.good_side(worse) == good_side
    assert kind.harm_side(worse) == {"less": "greater", "greater": "less"}[good_side]
    assert kind.null_change(0.25, worse) == null_change
    assert kind.null_change(None, worse) == 0.0


def test_a_claim_knows_its_kind_and_its_size():
    sizes = {"by": 0.5, "margin": 0.1, "limit": 3.0}
    for name, kind in CLAIM_KINDS.items():
        assert Claim(claim=name, **sizes).size == sizes[kind.size_key]
    assert Claim(metric="rmst").kind is UNDECLARED


def test_the_parts_of_a_claim_are_itself_or_those_of_any_of():
    single = Claim(claim="falls")
    assert single.parts == (single,)
    either = Claim(any_of=(single, single))
    assert (either.kind, either.parts) == (ANY_OF, (single, single))
