"""Serve the page: `python app.py [--host 127.0.0.1] [--port 7860] [--workspace DIR]`.

Without `--port` the next free port from 7860 on is taken. Ctrl-C ends the page at once; runs in
training are processes of their own and go on.
"""

import argparse
import gc
import importlib.util
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence

from socratic import access, jobs, memory
from socratic.access import Access
from socratic.errors import SocraticError, UsageError
from socratic.sharing import recorded
from socratic.workspace import Workspace

PORT = 7860
PORTS_TRIED = 100
LOCAL = "127.0.0.1"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        prog="python app.py", description="Train, ask and compare models that put questions."
    )
    parser.add_argument("--host", help=f"address to listen on (default {LOCAL})")
    parser.add_argument("--port", type=int, help=f"port (default: the first free from {PORT})")
    parser.add_argument("--workspace", help="folder of runs and data (default ./workspace)")
    parser.add_argument(
        access.UNPROTECTED,
        action="store_true",
        help="listen on a --host beyond this machine without a password",
    )
    return parser.parse_args(words)


def choose_port(host: str, asked: int | None) -> int:
    """Return the port to listen on; raise UsageError when the one asked for cannot be had."""
    if asked is not None:
        if not 0 < asked < 2**16:
            raise UsageError(f"There is no port {asked}; give one from 1 to 65535.")
        _try(host, asked)
        return asked
    for port in range(PORT, PORT + PORTS_TRIED):
        try:
            _try(host, port)
        except PortTaken:
            continue
        return port
    raise PortTaken(f"No port from {PORT} to {PORT + PORTS_TRIED - 1} is free on {host}.")


class PortTaken(SocraticError):
    """Somebody listens there already."""


def _try(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror:
            raise UsageError(f"There is no address {host!r} on this machine.") from None
        except PermissionError:
            raise PortTaken(f"Port {port} needs rights you lack; give one above 1023.") from None
        except OSError as error:
            if error.errno in _NO_SUCH_ADDRESS:
                raise UsageError(f"There is no address {host!r} on this machine.") from None
            raise PortTaken(
                f"Port {port} on {host} is taken; end what holds it, give another --port, "
                "or leave --port out to use the next free one."
            ) from None


_NO_SUCH_ADDRESS = (99, 49)  # EADDRNOTAVAIL on Linux and on macOS


def prepare_environment() -> None:
    """Set what Gradio reads when it is imported: no telemetry, no proxy before localhost."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    for name in ("NO_PROXY", "no_proxy"):
        known = [host for host in os.environ.get(name, "").split(",") if host]
        missing = [host for host in ("localhost", LOCAL) if host not in known]
        os.environ[name] = ",".join([*known, *missing])
    # On a Space Gradio watches for changes of the code, through a package that is there as a rule;
    # where it is not, the watching thread would only end in a traceback.
    if importlib.util.find_spec("spaces") is None:
        os.environ.pop("SYSTEM", None)


def greeting(host: str, port: int) -> str:
    """Return what is printed once the page is up."""
    shown = "localhost" if host in ("0.0.0.0", "::") else host
    return (
        f"The page is at http://{shown}:{port}\n"
        f"From another computer: ssh -L {PORT}:localhost:{port} user@host, "
        f"then open http://localhost:{PORT}\n"
        "Ctrl-C ends the page; runs in training go on."
    )


def serve(host: str, port: int, workspace: Workspace, allowed: Access) -> None:
    """Build the page, serve it, and return when asked to end."""
    done = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: done.set())
    with memory.uncollected():
        from socratic.ui import build

        build.launch(build.page(workspace, allowed), host, port, allowed)
        gc.freeze()  # the page stays as long as the process does
    print(greeting(host, port), flush=True)
    done.wait()
    print("\nThe page has ended.", flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given = arguments(words)
    host = given.host or ("0.0.0.0" if access.on_a_space() else LOCAL)
    try:
        allowed = access.of_environment()
        allowed.check_host(host, given.allow_unprotected)
        workspace = Workspace.open(given.workspace)
        port = choose_port(host, given.port)
        if allowed.public:
            workspace = recorded.stage(workspace, allowed)
        else:
            jobs.ensure_runner(workspace)
        prepare_environment()
        serve(host, port, workspace, allowed)
    except SocraticError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Nothing of worth lives in memory alone, so open browser connections and a model that is in
    # the middle of an answer need not be waited for: Ctrl-C ends at once.
    os._exit(status)
