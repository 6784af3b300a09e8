"""A page in a real headless Chromium: what it shows, what it complains of."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium (scripts/ci_packages.sh installs it)"
)

# Runs in the page when everything is loaded, and leaves what it finds in the page's text.
_PROBE = """
<script>
addEventListener("load", () => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const box = (element) => element.getBoundingClientRect();
  const meet = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const overlaps = (elements) => {
    const boxes = elements.map(box);
    return boxes.flatMap((a, k) => boxes.slice(k + 1).filter((b) => meet(a, b))).length;
  };
  const tables = () => all("table").map((table) =>
    [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim())));
  const plots = all("svg.plot");
  const images = [...document.images];
  const found = {
    images: images.length,
    broken: images.filter((image) => image.complete && image.naturalWidth === 0).length,
    visible: images.filter((image) => image.checkVisibility()).length,
    sources: images.map((image) => image.currentSrc.slice(0, 10)),
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    paper: getComputedStyle(document.body).backgroundColor,
    cards: all(".card").map((card) => card.innerText.split("\\n").filter((line) => line.trim())),
    headings: all("h2").map((heading) => heading.innerText),
    plots: plots.map((plot) => plot.getAttribute("aria-label")),
    strokes: plots.map((plot) => all(".line, .area", plot).map((p) => getComputedStyle(p).stroke)),
    letters: plots.flatMap((plot) => all("text", plot).map((text) =>
      parseFloat(getComputedStyle(text).fontSize) * box(plot).width / plot.viewBox.baseVal.width)),
    overlaps: plots.map((plot) => overlaps(all("text", plot))),
    legends: all(".legend").map((legend) => overlaps(all("li", legend))),
    cut: all("main *, header *").filter((e) => !e.closest("thead") && e.checkVisibility() &&
      box(e).right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 200)),
    scrolls: all(".scroll").filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
      .map((e) => `${e.ariaLabel}: ${e.scrollWidth} of ${e.clientWidth}`),
    cell: getComputedStyle(document.querySelector("td")).display,
    width: innerWidth,
    scroll: document.documentElement.scrollWidth,
    tables: tables(),
    requests: performance.getEntriesByType("resource").map((entry) => entry.name.slice(0, 60)),
    text: document.body.innerText,
  };
  for (const click of [1, 2]) {
    all("table th:nth-child(2) button").slice(0, 1).forEach((button) => button.click());
    found["sorted" + click] = tables()[0];
  }
  const place = document.createElement("pre");
  place.id = "probe";
  place.textContent = JSON.stringify(found);
  parent.document.body.append(place);
});
</script>
"""


def look(page: Path, folder: Path, width: int = 1280, dark: bool = False) -> dict[str, Any]:
    """Open ``page`` from disk, ``width`` pixels wide, and return what ``_PROBE`` finds.

    ``console`` lists what the page said on the console; ``folder`` is for scratch files.
    """
    probed = folder / f"probed_{width}_{dark}.html"
    text, height = page.read_text(encoding="utf-8") + _PROBE, 900
    if width < 500:  # Chromium makes no window as narrow as a phone, but it makes such a frame
        height = 844
        style = f"border: 0; width: {width}px; height: {height}px"
        text = f'<body><iframe style="{style}" srcdoc="{html.escape(text)}"></iframe></body>'
    probed.write_text(text, encoding="utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--hide-scrollbars", f"--user-data-dir={folder / f'user_{width}_{dark}'}",
        f"--window-size={max(width, 500)},{height}", "--enable-logging=stderr",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        "--virtual-time-budget=20000", "--dump-dom", probed.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    match = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match, done.stderr[-2000:]
    found = json.loads(html.unescape(match[1]))
    found["console"] = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return found
