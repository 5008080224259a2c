"""`make quick` starts no process and no server, whatever a test tries, and leaves out no test that needs none."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = """
import asyncio, os, socket, subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
import pytest
from temporalio.testing import WorkflowEnvironment
from devstack.ports import claim_ports

TOUCH = ["touch", os.environ["TRACE"]]

def test_needs_no_process():
    pass

async def test_needs_a_loop():
    await asyncio.sleep(0)

def test_needs_connected_sockets():
    for end in socket.socketpair():
        end.close()

def test_fails_by_itself():
    assert False

def test_runs_a_program():
    subprocess.run(TOUCH, check=True)

def test_starts_a_program_and_leaves_it():
    subprocess.Popen(TOUCH)

async def test_starts_a_program_from_a_coroutine():
    await asyncio.create_subprocess_exec(*TOUCH)

async def test_swallows_a_refusal_in_a_task():
    starting = asyncio.create_task(asyncio.create_subprocess_exec(*TOUCH))
    await asyncio.wait([starting])
    assert starting.exception() is None

def test_swallows_a_refusal():
    try:
        subprocess.run(TOUCH, check=True)
    except BaseException:
        pass

def test_has_a_shell_do_it():
    os.system(" ".join(TOUCH))

def test_forks():
    if not os.fork():
        os._exit(0)

async def listen():
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0):
        open(os.environ["TRACE"], "w").close()

async def test_listens():
    await listen()

async def test_listens_in_a_task():
    await asyncio.wait([asyncio.create_task(listen())])

def test_listens_in_a_thread():
    thread = Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    thread.join()

def test_serves_http():
    HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler).server_close()
    open(os.environ["TRACE"], "w").close()

def test_chooses_a_port_for_a_server():
    claim_ports(1)

async def test_starts_the_time_skipping_server():
    await WorkflowEnvironment.start_time_skipping(test_server_existing_path="touch")

async def test_starts_temporal():
    await WorkflowEnvironment.start_local(dev_server_existing_path="touch")

@pytest.fixture(scope="session")
def server():
    subprocess.run(TOUCH, check=True)

def test_needs_a_server(server):
    pass

def test_needs_the_same_server(server):
    pass
"""


def test_a_test_that_needs_a_server_is_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    (tmp_path / "test_sample.py").write_text(TESTS)
    trace = tmp_path / "started"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.quick", "-p", "no:cacheprovider", "-rf", str(tmp_path)],
        check=False,
        cwd=ROOT,
        env={"TRACE": str(trace), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert "1 failed, 3 passed, 16 skipped" in ran.stdout, ran.stdout
    assert "test_sample.py::test_fails_by_itself" in ran.stdout
    assert "Left out: 16 tests" in ran.stdout
    assert not trace.exists()
