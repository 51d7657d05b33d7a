"""The page in a real browser: nothing leaves it, nothing hostile runs, it fits a phone, tables sort."""

import shutil

import pytest

from evalh.reports.write import write
from reports import builder

pytestmark = pytest.mark.browser
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
REPORTS = {
    "2": builder.baseline,
    "20": lambda: builder.report(20, per_category=1),
    "missing": builder.missing,
    "hostile": builder.hostile,
}


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, or a skip where there is none."""
    sync = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no Chromium found")
    with sync.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Reports written to files, each once."""
    root = tmp_path_factory.mktemp("pages")
    for name, made in REPORTS.items():
        write(made(), root / name)
    return root


@pytest.fixture
def visit(browser, pages):
    """Open a report at a width and return the page, its requests and what its console said."""
    contexts = []

    def opened(name, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        context.set_default_timeout(10_000)
        page, requests, said = context.new_page(), [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto((pages / name / "index.html").as_uri())
        return page, requests, said

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", REPORTS)
def test_no_request_leaves_the_page_and_nothing_hostile_runs(visit, name):
    """The file itself is the only request; the console stays silent, also after every part was opened."""
    page, requests, said = visit(name)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.evaluate("document.querySelectorAll('*').forEach(e => e.dispatchEvent(new MouseEvent('mouseover')))")
    assert [url for url in requests if not url.startswith("data:")] == [page.url]
    assert said == []
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_never_scrolls_sideways(visit, name, scheme, width):
    """At the width of a phone tables and plots scroll within their own boxes; everything opened."""
    page, _, _ = visit(name, width, scheme)
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


def test_the_script_the_policy_allows_is_ours_alone(visit):
    """A script that finds its way into the page all the same is refused."""
    page, _, said = visit("2")
    page.evaluate("document.body.appendChild(document.createElement('script')).textContent = 'window.hacked = 1'")
    image = "<img src=http://127.0.0.1:9/x onerror='window.hacked = 2'>"
    page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", image)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert said


def column(page, n):
    """The texts of one column of the first table."""
    return page.locator("table.sortable").first.locator(f"tbody tr > :nth-child({n})").all_inner_texts()


def test_tables_sort_by_a_click_and_by_the_keyboard(visit):
    """Numbers from the highest, then from the lowest; names by the alphabet; the heading says which."""
    page, _, _ = visit("20")
    table = page.locator("table.sortable").first
    ranked = column(page, 2)
    table.get_by_role("button", name="score", exact=True).click()
    scores = [float(text.split()[0]) for text in column(page, 3)]
    assert scores == sorted(scores, reverse=True)
    assert table.locator("th[aria-sort=descending]").inner_text().strip() == "score"
    table.get_by_role("button", name="score", exact=True).press("Enter")
    assert column(page, 3)[0].split()[0] == f"{min(scores):.2f}"
    table.get_by_role("button", name="model").click()
    assert column(page, 2) == sorted(ranked, key=str.lower)
    table.get_by_role("button", name="#").click()
    assert column(page, 2) == ranked


def test_missing_values_sort_last_both_ways(visit):
    """A model without a score is neither the best nor the worst."""
    page, _, _ = visit("missing")
    button = page.locator("table.sortable").first.get_by_role("button", name="score", exact=True)
    for _ in range(2):
        button.click()
        assert [text.split()[0] for text in column(page, 3)][-2:] == ["–", "–"]


def test_the_page_is_readable_without_script(browser, pages):
    """Everything is there; only sorting needs the script."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((pages / "2" / "index.html").as_uri())
    assert page.locator("table").first.is_visible()
    assert page.locator("svg[role=img]").count() == 4
    assert page.locator("th button").count() == 0
    context.close()
