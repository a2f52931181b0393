"""One Chromium and one example for all browser tests."""

import pytest

from tests.browser.pages import chromium, make_example, pages_of


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The settings of an example with every kind of page."""
    return make_example(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def pages(site):
    """Its pages by name."""
    return pages_of(site)
