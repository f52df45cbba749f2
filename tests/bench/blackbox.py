"""``prometheus-blackbox-exporter`` as the peer: asked over connections that stay open, as Prometheus does."""

import contextlib
import http.client
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from tests.services import free_port, wait_for

PROGRAM = "prometheus-blackbox-exporter"
_CONNECTIONS = 4
_MODULES = """
modules:
  http: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, no_follow_redirects: true}}
  https: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4, no_follow_redirects: true}}
  tcp: {prober: tcp, timeout: 5s, tcp: {preferred_ip_protocol: ip4}}
"""


@dataclass(frozen=True, slots=True)
class Blackbox:
    port: int
    pid: int

    def probe(self, module: str, target: str, *, times: int) -> int:
        """Raises ``AssertionError`` for a probe that did not succeed."""
        path = f"/probe?{urlencode({'module': module, 'target': target})}"
        share = times // _CONNECTIONS
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            list(pool.map(lambda _: self._ask(path, share), range(_CONNECTIONS)))
        return share * _CONNECTIONS

    def _ask(self, path: str, times: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            for _ in range(times):
                connection.request("GET", path)
                body = connection.getresponse().read()
                assert b"\nprobe_success 1" in body, body.decode()


@contextlib.contextmanager
def run_blackbox(folder: Path, trust: Path) -> Iterator[Blackbox | None]:
    """None where it is not installed."""
    if shutil.which(PROGRAM) is None:
        yield None
        return
    modules = folder / "blackbox.yml"
    modules.write_text(_MODULES)
    port = free_port()
    process = subprocess.Popen(
        [PROGRAM, f"--config.file={modules}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        env={**os.environ, "SSL_CERT_FILE": str(trust)},  # read once; a module's own ca_file is read for every probe
    )

    def ready() -> bool:
        with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as asked:
            asked.request("GET", "/-/healthy")
            return asked.getresponse().status == 200
        return False

    try:
        wait_for(ready, what=PROGRAM)
        yield Blackbox(port, process.pid)
    finally:
        process.terminate()
        process.wait(10)
