"""How fast a report is in headless Chromium: time to load, frames per second when it is scrubbed; and a screenshot.

    python benchmarks/page.py REPORT.html [--screenshot FILE.png]

Needs ``chromium`` and ``chromedriver`` on the path and selenium. No graphics card helps to draw (``--disable-gpu``),
so a desktop is faster. Loading ends when the first frame is drawn. Scrubbing moves the slider through the whole movie,
each frame once decoded and drawn (*first*), and again (*again*).
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

SCRUB = """
const done = arguments[arguments.length - 1];
(async () => {
  const slider = document.getElementById("scrub");
  const begin = performance.now();
  for (let frame = 0; frame <= Number(slider.max); frame++) {
    slider.value = frame;
    slider.dispatchEvent(new Event("input"));
    const { pictures } = window.report;
    while (pictures.has && !pictures.get(frame, -1)) await new Promise((on) => setTimeout(on));
    await window.report.redraw();
  }
  done((Number(slider.max) + 1) * 1000 / (performance.now() - begin));
})();
"""


def open_browser(width: int = 1600, height: int = 1000) -> Any:
    """A headless Chromium with a fresh profile."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(word)
    options.add_argument(f"--window-size={width},{height}")
    # Without a path, selenium would look for a driver on the network.
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def measure(browser: Any, report: Path) -> dict[str, float]:
    begin = time.perf_counter()
    browser.get(report.absolute().as_uri())
    browser.execute_async_script("const done = arguments[0]; report.goTo(0).then(done);")
    loaded = time.perf_counter() - begin
    return {
        "megabytes": round(report.stat().st_size / 1e6, 1),
        "load_seconds": round(loaded, 2),
        "frames_per_second_first": round(browser.execute_async_script(SCRUB), 1),
        "frames_per_second_again": round(browser.execute_async_script(SCRUB), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--screenshot", type=Path)
    options = parser.parse_args()
    browser = open_browser()
    try:
        print(json.dumps(measure(browser, options.report)))
        if options.screenshot:
            browser.save_screenshot(str(options.screenshot))
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
