"""Every figure as SVG: title, description, unique ids, colours a page can change; and it does not fall over without data."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from analysis.counting.scope import Scope
from analysis.metrics import metric_named
from analysis.report.figures import claims as claim_figures
from analysis.report.figures import hours as hour_figures
from analysis.report.figures import ink
from analysis.report.figures import latency as latency_figures
from analysis.report.figures.picture import make_picture
from analysis.report.prepared import claims, hours, latency
from analysis.report.prepared.values import Forest, LatencyCurves, Shift, ShiftPoint, Steps
from analysis.report.sections.pictures import (
    cap_picture,
    card_pictures,
    file_name,
    forest_picture,
    hourly_picture,
)
from analysis.text import captions
from tests.report.example_look import finding, no_data, result

FEATURES = (
    "draft.verify.email.step3",
    "signature.context",
    "followup.parse_proposed_times",
    "lead_scoring.score",
)
WORDS = captions.Words("Heading", "A <title> & more", "What it says.", "What it proves.")


@pytest.fixture(scope="module")
def pictures(look):
    made = [forest_picture(look.result, too_small=0.1)]
    for feature in FEATURES:
        made += [*card_pictures(look, feature), cap_picture(look, Scope(feature))]
    return made


def test_each_is_a_whole_svg_with_title_and_description(pictures):
    for picture in pictures:
        root = ElementTree.fromstring(picture.svg)
        name = "{http://www.w3.org/2000/svg}"
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == f"{picture.name}-title {picture.name}-desc"
        assert root.find(f"{name}title").text == picture.title
        assert root.find(f"{name}desc").text == picture.alt
        assert len(picture.alt) > 20
        assert len(picture.caption) > 20
        assert not picture.caption.startswith(picture.alt)


def test_names_and_ids_are_unique_on_a_page(pictures):
    names = [picture.name for picture in pictures]
    assert len(set(names)) == len(names)
    ids = [
        found
        for picture in pictures
        for found in re.findall(r'\bid="([^"]+)"', picture._repr_html_())
    ]
    assert len(set(ids)) == len(ids)
    for picture in pictures:
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', picture.svg))
        assert used <= set(re.findall(r'\bid="([^"]+)"', picture.svg))


def test_colours_are_variables_and_texts_are_texts(pictures):
    for picture in pictures:
        bare = re.sub(r"var\(--[a-z-]+,#[0-9a-f]{3,6}\)", "", picture.svg)
        assert set(re.findall(r"#[0-9a-f]{6}\b", bare)) <= {"#000000"}, picture.name
        assert "<text" in picture.svg
        assert "DejaVu Sans'" not in picture.svg
        assert "<!--" not in picture.svg
        assert "metadata" not in picture.svg


def test_a_picture_is_small(pictures):
    assert max(len(picture.svg) for picture in pictures) < 30_000
    assert sum(len(picture.svg) for picture in pictures) < 500_000


def test_legends_have_n(pictures):
    for picture in pictures[1:]:
        if picture.name.startswith(("latency", "time-to", "hours", "outcomes", "cliff")):
            assert re.search(r"before, [\d\u202f]+ calls", picture.svg), picture.name
            assert re.search(r"after, [\d\u202f]+ calls", picture.svg), picture.name


def test_words_are_escaped():
    picture = make_picture(claim_figures.draw_forest, Forest((), 0.1, ""), WORDS, name="empty")
    assert "A &lt;title&gt; &amp; more" in picture.svg
    assert picture._repr_mimebundle_()["text/plain"] == "A <title> & more: What it says."


@pytest.mark.parametrize(
    ("metric", "tick"),
    [
        ("latency_mean", r">[\d.]+ s<"),
        ("error_rate", r">[\d.]+ %<"),
        ("total_tokens_mean", r">\d+<"),
    ],
)
def test_an_hourly_figure_has_the_unit_of_its_metric(look, metric, tick):
    assert re.search(tick, hourly_picture(look, Scope(FEATURES[0]), metric_named(metric)).svg)


def test_names_are_safe():
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
    assert ink.short_time(value_ms) == text


# ---- nothing to show -------------------------------------------------------------------------------------------------
EMPTY = Steps(np.array([]), np.array([]), 0)


@pytest.mark.parametrize(
    ("draw", "prepared"),
    [
        (
            claim_figures.draw_forest,
            claims.prepare_forest(result(expectations=[no_data()]), too_small=0.1),
        ),
        (
            claim_figures.draw_forest,
            claims.prepare_forest(
                result(expectations=[finding(interval=[-9.0, 9.0])]), too_small=0.1
            ),
        ),
        (latency_figures.draw_latency_curves, LatencyCurves(EMPTY, EMPTY, ())),
        (latency_figures.draw_shift, Shift((ShiftPoint(0.5, None, None, None),), 0, 0, 0.95)),
        (
            latency_figures.draw_shift,
            Shift(
                (ShiftPoint(0.5, 100.0, -50.0, None), ShiftPoint(0.9, None, None, None)), 9, 9, 0.95
            ),
        ),
    ],
)
def test_a_figure_of_little(draw, prepared):
    assert "<svg" in make_picture(draw, prepared, WORDS, name="little").svg


def test_a_feature_that_nobody_calls_draws_too(look):
    for picture in card_pictures(look, "nobody.knows"):
        assert "nan" not in picture.alt
    prepared = hours.prepare_hourly_rate(look, Scope("nobody.knows"), metric_named("error_rate"))
    assert "nan" not in captions.describe_hourly_rate(prepared, "nobody.knows").caption
    assert make_picture(hour_figures.draw_hourly_rate, prepared, WORDS, name="nobody").svg
    assert latency.prepare_latency_curves(look, Scope("nobody.knows")).baseline.n_calls == 0
