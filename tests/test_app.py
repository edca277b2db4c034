"""The command `python app.py`: arguments, ports, what it prints, how it fails."""

import importlib.util
import os
import socket
import subprocess
import sys

import pytest

from socratic.catalog import ROOT
from socratic.errors import UsageError
from socratic.workspace import Workspace

# The command is a file beside the packages, not a module of one.
_spec = importlib.util.spec_from_file_location("app", ROOT / "app.py")
app = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(app)


@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind((app.LOCAL, 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_taken_port_is_told_when_it_was_asked_for(taken):
    with pytest.raises(app.PortTaken, match=f"Port {taken} on 127.0.0.1 is taken"):
        app.choose_port(app.LOCAL, taken)


def test_without_a_wish_the_next_free_port_is_taken(taken, monkeypatch):
    monkeypatch.setattr(app, "PORT", taken)
    assert app.choose_port(app.LOCAL, None) > taken


def test_no_free_port_at_all_is_told(taken, monkeypatch):
    monkeypatch.setattr(app, "PORT", taken)
    monkeypatch.setattr(app, "PORTS_TRIED", 1)
    with pytest.raises(app.PortTaken, match="No port from"):
        app.choose_port(app.LOCAL, None)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none(port):
    with pytest.raises(UsageError, match=f"no port {port};"):
        app.choose_port(app.LOCAL, port)


def test_an_address_of_another_machine():
    with pytest.raises(UsageError, match=r"no address '192\.0\.2\.1'"):
        app.choose_port("192.0.2.1", 7860)


def test_the_tunnel_leads_to_the_port_that_was_taken():
    assert "ssh -L 7860:localhost:7863 user@host" in app.greeting("127.0.0.1", 7863)
    assert "http://localhost:7863" in app.greeting("0.0.0.0", 7863)


def test_the_environment_keeps_proxies_away_from_localhost(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "intranet,localhost")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    app.prepare_environment()
    assert os.environ["NO_PROXY"] == "intranet,localhost,127.0.0.1"
    assert os.environ["no_proxy"] == "localhost,127.0.0.1"
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


@pytest.mark.parametrize(("name", "value"), [("SPACE_ID", "a/b"), ("SYSTEM", "spaces")])
def test_on_a_space_everyone_may_connect(monkeypatch, tmp_path, name, value):
    monkeypatch.setenv(name, value)
    served = []
    monkeypatch.setattr(app, "serve", lambda *given: served.append(given))
    assert app.main(["--workspace", str(tmp_path)]) == 0
    assert served[0][0] == "0.0.0.0"
    assert served[0][2] == Workspace(tmp_path / "public", closed=True)
    assert served[0][3].public


def test_an_open_page_of_an_owner_is_refused_in_one_line(tmp_path, capsys):
    assert app.main(["--host", "0.0.0.0", "--workspace", str(tmp_path)]) == 2
    told = capsys.readouterr().err.strip()
    assert "SOCRATIC_AUTH=user:password" in told
    assert len(told.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_the_page_is_served_where_asked(monkeypatch, tmp_path):
    for name in ("SPACE_ID", "SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    served = []
    monkeypatch.setattr(app, "serve", lambda *given: served.append(given))
    assert app.main(["--workspace", str(tmp_path / "w")]) == 0
    host, port, workspace, allowed = served[0]
    assert not allowed.public
    assert (host, workspace) == ("127.0.0.1", Workspace(tmp_path / "w"))
    assert port >= app.PORT


def test_a_workspace_that_cannot_be_written(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert app.main(["--workspace", str(file)]) == 1
    told = capsys.readouterr().err.strip()
    assert "cannot be written" in told
    assert len(told.splitlines()) == 1


def test_a_taken_port_ends_the_command(taken, tmp_path, capsys):
    assert app.main(["--workspace", str(tmp_path), "--port", str(taken)]) == 1
    assert f"Port {taken}" in capsys.readouterr().err


def said(code, *words):
    """Return what a fresh process prints that runs some code."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_the_queue_of_a_page_leaves_the_processor_alone(tmp_path):
    code = (
        "import sys; from socratic.ui import build; from socratic.workspace import Workspace\n"
        "queue = build.page(Workspace.open(sys.argv[1]))._queue\n"
        "event = {'function': 'f', 'status': 'success', 'process_time': 1.0}\n"
        "print(queue.sleep_when_free, queue.compute_analytics_summary([event]))"
    )
    assert said(code, tmp_path) == "0.01 {}"


@pytest.mark.slow
def test_gradio_is_imported_without_writing_stubs():
    code = (
        "import inspect, jinja2\n"
        "real, found, made = inspect.getfile, jinja2.Template, []\n"
        "jinja2.Template = lambda text: made.append(text) or found(text)\n"
        "import socratic.ui.parts, gradio\n"
        "print(sum('{{ contents }}' in text for text in made), inspect.getfile is real)\n"
        "print(inspect.getfile(gradio.HTML))"
    )
    made, place = said(code).splitlines()
    assert made == "0 True"
    assert place.endswith("html.py")


@pytest.mark.slow
def test_the_page_is_built_before_torch_is_imported_or_an_application_made(tmp_path):
    code = (
        "import sys; from socratic.ui import build; from socratic.workspace import Workspace\n"
        "made = build.App.create_app\n"
        "assert build.page(Workspace.open(sys.argv[1])).app is None\n"
        "assert build.App.create_app is made\n"
        "print([name for name in ('torch', 'transformers', 'peft') if name in sys.modules])"
    )
    assert said(code, tmp_path) == "[]"
