"""A crowd on a public page: `pytest -m soak tests/test_public_soak.py -s`.

SOCRATIC_SOAK_SECONDS and SOCRATIC_SOAK_VISITORS make the crowd shorter or smaller.
"""

import os
import statistics
import threading
import time

import httpx
import psutil
import pytest
from probing import Probe
from ui.driving import start

pytestmark = [pytest.mark.soak, pytest.mark.slow]
SECONDS = float(os.environ.get("SOCRATIC_SOAK_SECONDS", "120"))
VISITORS = int(os.environ.get("SOCRATIC_SOAK_VISITORS", "50"))
CONTEXT = "Zoos are prisons with better lighting."
ASKED = [CONTEXT, ["clarity"], ["mini-flan-small"], "thesis", 1, 1, False, None]
# What the page asks by itself: every type of question, of three models.
WHOLE = [CONTEXT, None, None, *ASKED[3:]]


def memory(app):
    return psutil.Process(app.process.pid).memory_info().rss / 2**20


@pytest.mark.timeout(3600)
def test_a_crowd_gets_all_its_answers(tmp_path, capsys):
    """Half ask for one question, half for all, again as soon as answered; the page is looked at."""
    app = start(tmp_path / "workspace", SOCRATIC_PUBLIC="1")
    answered, lost, looks = [], [], []
    with Probe(app.url) as first:
        handlers = {one["api_name"]: one["id"] for one in first.config()["dependencies"]}
        assert first.call(handlers["generate"], WHOLE)[1]
    before, end = memory(app), time.monotonic() + SECONDS

    def ask(asked):
        with Probe(app.url) as visitor:
            while time.monotonic() < end:
                begun = time.monotonic()
                try:
                    said, done = visitor.call(handlers["generate"], asked)
                except Exception as error:
                    said, done = repr(error), False
                (answered if done else lost).append(time.monotonic() - begun if done else said)

    def look():
        with httpx.Client(base_url=app.url, trust_env=False, timeout=60) as client:
            while time.monotonic() < end:
                begun = time.monotonic()
                assert client.get("/").status_code == 200
                looks.append(time.monotonic() - begun)
                time.sleep(0.5)

    crowd = [threading.Thread(target=ask, args=[(ASKED, WHOLE)[n % 2]]) for n in range(VISITORS)]
    crowd.append(threading.Thread(target=look))
    try:
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        after = memory(app)
        cuts = statistics.quantiles(answered, n=20)
        with capsys.disabled():
            print(
                f"\n{VISITORS} visitors, {SECONDS:.0f} s: {len(answered)} answers, {len(lost)} lost; "
                f"seconds to an answer: median {statistics.median(answered):.1f}, 95 % {cuts[18]:.1f}; "
                f"the page: median {statistics.median(looks):.2f}, worst {max(looks):.2f}; "
                f"memory {before:.0f} -> {after:.0f} MB"
            )
        assert not lost, lost[:3]
        assert len(answered) >= VISITORS, "nobody goes away without an answer"
        assert after < before + 500
        assert app.process.poll() is None
        assert "Traceback" not in app.output.read_text()
    finally:
        app.close()
