"""Getting SocratiQ from a real HTTP server, one that also cuts connections and sends junk."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from socratic.errors import DataError
from training import fetch

HEADER = ",input,target\n"
FILE_ROWS = dict(zip(fetch.FILES, (5, 4, 3, 2, 2), strict=True))


def content(name):
    lines = [f'{i},"clarity: opinion {name} {i}",Why {i}?\n' for i in range(FILE_ROWS[name])]
    return (HEADER + "".join(lines)).encode()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        server = self.server
        body = server.files.get(name)
        if body is None:
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        server.asked.append((name, start))
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        part = body[start:]
        if server.cuts.get(name, 0) > 0:
            server.cuts[name] -= 1
            self.wfile.write(part[: len(part) // 2])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(part)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(fetch, "ROWS", {"train": 12, "validation": 2, "test": 2})
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.files = {name: content(name) for name in fetch.FILES}
    web.cuts, web.asked = {}, []
    web.url = f"http://127.0.0.1:{web.server_port}/soqg_dataset"
    thread = threading.Thread(target=web.serve_forever, args=(0.01,))
    thread.start()
    yield web
    web.shutdown()
    thread.join()
    web.server_close()


def quiet(name, done, total):
    pass


def test_five_files_are_got_counted_and_recorded(server, tmp_path):
    assert fetch.fetch(server.url, tmp_path, quiet) == {"train": 12, "validation": 2, "test": 2}
    assert (tmp_path / fetch.RECORD).is_file()
    server.asked.clear()
    fetch.fetch(server.url, tmp_path, quiet)
    assert server.asked == []  # what is here is not got again


def test_a_cut_connection_goes_on_where_it_was(server, tmp_path):
    server.cuts["valid.csv"] = 2
    fetch.fetch(server.url, tmp_path, quiet)
    assert (tmp_path / "valid.csv").read_bytes() == content("valid.csv")
    starts = [start for name, start in server.asked if name == "valid.csv"]
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert len(starts) == 3


def test_a_server_that_always_cuts_is_given_up_and_what_came_is_kept(server, tmp_path):
    server.files["valid.csv"] = b"x" * 100_000
    server.cuts["valid.csv"] = 99
    with pytest.raises(DataError, match=r"valid\.csv could not be fetched .*run it again to go on"):
        fetch.fetch(server.url, tmp_path, quiet)
    assert (tmp_path / "valid.part").stat().st_size > 0


def test_a_wrong_file_is_named_and_got_again_next_time(server, tmp_path):
    server.files["test.csv"] = b"<html>rate limited</html>"
    with pytest.raises(DataError, match=r"test\.csv has the columns"):
        fetch.fetch(server.url, tmp_path, quiet)
    assert not (tmp_path / "test.csv").exists()
    server.files["test.csv"] = content("test.csv")
    assert fetch.fetch(server.url, tmp_path, quiet)["test"] == 2


def test_too_few_rows_are_told_with_the_numbers(server, tmp_path):
    server.files["test.csv"] = content("test.csv").rpartition(b"1,")[0]
    with pytest.raises(DataError, match="12/2/1 rows, SocratiQ 12/2/2"):
        fetch.fetch(server.url, tmp_path, quiet)


def test_a_missing_file_and_a_closed_port_say_what_to_do(server, tmp_path):
    del server.files["train_chunk_I.csv"]
    with pytest.raises(DataError, match="answered 404; give another source with --from"):
        fetch.fetch(server.url, tmp_path, quiet)
    with pytest.raises(DataError, match=r"ConnectError, .*--from a folder"):
        fetch.fetch("http://127.0.0.1:9", tmp_path / "b", quiet)


def test_a_folder_serves_as_well(server, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in fetch.FILES:
        (source / name).write_bytes(content(name))
    assert fetch.fetch(str(source), tmp_path / "out", quiet)["train"] == 12
    with pytest.raises(DataError, match="no train_chunk_I.csv in"):
        fetch.fetch(str(tmp_path / "out2"), tmp_path / "out3", quiet)
