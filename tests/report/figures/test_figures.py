"""Every figure as SVG: described, unique ids, changeable colours, drawn without data."""

import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from analysis.counting.scope import Scope
from analysis.figure_data.expectations import Forest, prepare_forest
from analysis.figure_data.latency import CurvePair, QuantileShifts, StepCurve
from analysis.report.figures import style
from analysis.report.figures.expectations import EXPECTATIONS
from analysis.report.figures.latency import LATENCY, SHIFT
from analysis.report.figures.picture import FigureKind, file_name
from analysis.report.figures.scope_figures import ScopeFigures
from analysis.report.mime_types import FIGURES_MIME
from analysis.statistics.latency.distribution import QuantileShift
from analysis.text.captions.figure_text import FigureText
from tests.fixtures.example_results import finding, no_data, result

FEATURES = (
    "draft.verify.email.step3",
    "signature.context",
    "followup.parse_proposed_times",
    "lead_scoring.score",
)
TEXT = FigureText("Heading", "A <title> & more", "What it says.", "What it shows.")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def pictures(look, sections):
    drawn = [EXPECTATIONS.picture(prepare_forest(look.result, too_small=0.1))]
    for feature in FEATURES:
        cap_curve = ScopeFigures(look, Scope(feature)).cap_curve()
        drawn += [*sections.figures.of_feature(feature), cap_curve]
    return drawn


def test_each_is_a_whole_svg_with_title_and_description(pictures):
    for picture in pictures:
        root, text = ElementTree.fromstring(picture.svg), picture.text
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == f"{picture.name}-title {picture.name}-desc"
        assert root.find(f"{SVG}title").text == text.title
        assert root.find(f"{SVG}desc").text == text.alt
        assert min(len(text.alt), len(text.caption)) > 20
        assert not text.caption.startswith(text.alt)


def test_names_and_ids_are_unique_on_a_page(pictures):
    names = [picture.name for picture in pictures]
    assert len(set(names)) == len(names)
    ids = [re.findall(r'\bid="([^"]+)"', picture.__html__()) for picture in pictures]
    flat = [found for own in ids for found in own]
    assert len(set(flat)) == len(flat)
    for picture, own in zip(pictures, ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', picture.svg)) <= set(own)


def test_colours_are_variables_and_texts_are_texts(pictures):
    for picture in pictures:
        bare = re.sub(r"var\(--[a-z-]+,#[0-9a-f]{3,6}\)", "", picture.svg)
        assert set(re.findall(r"#[0-9a-f]{6}\b", bare)) <= {"#000000"}, picture.name
        assert "<text" in picture.svg
        assert not re.search("DejaVu Sans'|<!--|metadata", picture.svg)


def test_a_picture_is_small(pictures):
    sizes = [len(picture.svg) for picture in pictures]
    assert max(sizes) < 30_000
    assert sum(sizes) < 500_000


def test_legends_have_n(pictures):
    for picture in pictures[1:]:
        if picture.name.startswith(("latency", "time-to", "hours", "outcomes", "cliff")):
            for arm in ("before", "after"):
                assert re.search(rf"{arm}, [\d\u202f]+ calls", picture.svg), picture.name


def test_a_picture_is_shown_with_its_text_and_its_file():
    kind = FigureKind("empty", EXPECTATIONS.draw, lambda prepared: TEXT)
    picture = kind.picture(Forest((), 0.1, None))
    bundle = picture._repr_mimebundle_()
    assert "A &lt;title&gt; &amp; more" in picture.svg
    assert picture.svg in bundle["text/html"]
    assert bundle["text/plain"] == "A <title> & more: What it says."
    assert bundle[FIGURES_MIME] == {"empty": picture.svg}


@pytest.mark.parametrize(
    ("metric", "tick"),
    [
        ("latency_mean", r">[\d.]+ s<"),
        ("error_rate", r">[\d.]+ %<"),
        ("total_tokens_mean", r">\d+<"),
    ],
)
def test_an_hourly_figure_has_the_unit_of_its_metric(look, metric, tick):
    assert re.search(tick, ScopeFigures(look, Scope(FEATURES[0])).hours(metric).svg)


def test_file_names_are_safe():
    assert file_name("cliff", "Draft/verify <b>:step 3") == "cliff-draft-verify-b-step-3"


@pytest.mark.parametrize(
    ("value_ms", "text"),
    [
        (1, "1 ms"),
        (999, "999 ms"),
        (1000, "1 s"),
        (20128, "20.1 s"),
        (45000, "45 s"),
        (300_000, "5 min"),
    ],
)
def test_ticks_of_time(value_ms, text):
    assert style.short_time(value_ms) == text


# ---- nothing to show -------------------------------------------------------------------------
EMPTY = StepCurve(np.array([]), np.array([]), 0)
HIDDEN = QuantileShift(0.9, *[math.nan] * 5)
OPEN_ENDED = QuantileShift(0.5, 200.0, 300.0, 100.0, -50.0, math.nan)


@pytest.mark.parametrize(
    ("kind", "prepared"),
    [
        (EXPECTATIONS, prepare_forest(result(expectations=[no_data()]), too_small=0.1)),
        (
            EXPECTATIONS,
            prepare_forest(result(expectations=[finding(interval=[-9.0, 9.0])]), too_small=0.1),
        ),
        (LATENCY, CurvePair(EMPTY, EMPTY, ())),
        (SHIFT, QuantileShifts((HIDDEN,), 0, 0, 0.95)),
        (SHIFT, QuantileShifts((OPEN_ENDED, HIDDEN), 9, 9, 0.95)),
    ],
)
def test_a_figure_with_little_to_show(kind, prepared):
    label = () if kind is EXPECTATIONS else ("nobody",)
    assert "<svg" in kind.picture(prepared, *label).svg


def test_a_feature_without_calls_is_drawn(sections):
    drawn = sections.figures.of_feature("nobody.knows")
    assert len(drawn) == 4
    for picture in drawn:
        assert not re.search(r"\bnan\b", picture.text.alt + picture.text.caption)
