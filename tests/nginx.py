"""A real nginx before a server, with the files of deploy/nginx/."""

import ipaddress
import os
import re
import shutil
import socket
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from time import sleep

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.client import Client, Tls
from tests.server import PATIENCE_SECONDS, PAUSE_SECONDS, ROOT, Server

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_nginx = pytest.mark.skipif(PROGRAM is None, reason="needs nginx")
NAME = "localhost"
# Around ours: nginx's own files in one folder, and nobody's rights.
MAIN = """\
daemon off;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
include {folder}/modules-enabled/*.conf;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/conf.d/*.conf;
    include {folder}/sites-enabled/*;
}}
"""


class Nginx:
    """With TLS and the site of ours, or without and the `locations` that are given; start it with `with`."""

    def __init__(self, folder: Path, upstream: str, locations: str | None = None) -> None:
        self.folder = folder
        # Held from here on, as the server's: nobody else can take them, and who comes early waits.
        self._listeners = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(2)]
        for listener in self._listeners:
            listener.setblocking(False)  # as nginx's own: of two workers only one has the next connection
        plain, tls = (listener.getsockname()[1] for listener in self._listeners)
        self.plain = ("127.0.0.1", plain)
        shutil.copytree(ROOT / "deploy" / "nginx", folder, dirs_exist_ok=True)
        (folder / "sites-enabled").mkdir()
        for file in (folder / "snippets").iterdir():
            file.write_text(file.read_text().replace("/var/log/nginx/", f"{folder}/"))
        common = folder / "conf.d" / "tete-a-tete.conf"
        common.write_text(replaced(common.read_text(), {"server 127.0.0.1:3000;": f"server {upstream};"}))
        site = f"server {{ listen 127.0.0.1:{plain}; {locations} }}" if locations else self._site(plain, tls)
        (folder / "sites-enabled" / "site").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
        self.address = self.plain if locations else trusting(Tls(("127.0.0.1", tls)), folder)
        self.url = f"http{'' if locations else 's'}://127.0.0.1:{self.address[1]}"

    def __enter__(self) -> "Nginx":
        self._run("-t")
        fds = [listener.fileno() for listener in self._listeners]
        # How nginx hands sockets to its next version, too.
        inherited = {"NGINX": "".join(f"{fd};" for fd in fds)}
        self.process = subprocess.Popen(
            self._command(), env={**os.environ, **inherited}, pass_fds=fds, stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)
        for listener in self._listeners:
            listener.close()

    def abort(self) -> None:
        """At once: who waits for an answer waits no longer."""
        self.process.kill()

    def reload(self) -> None:
        """Returns when new workers answer; the old ones go on with what they have."""
        before = self.workers()
        self._run("-s", "reload")
        while not self.workers() - before:
            assert self.process.poll() is None, self.log
            sleep(PAUSE_SECONDS)

    def workers(self) -> set[int]:
        """The process ids of those that run."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def client(self, token: str | None = None) -> Client:
        """Somebody who may be signed in, and comes through here."""
        return Client(self.address, token)

    @property
    def log(self) -> str:
        """All that it has written down."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _site(self, plain: int, tls: int) -> str:
        write_certificate(self.folder)
        site = (self.folder / "sites-available" / "tete-a-tete").read_text()
        pairs = {
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{tls} ssl http2;",
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl http2;\n": "",
            "/etc/letsencrypt/live/chat.example.org/fullchain.pem": f"{self.folder}/fullchain.pem",
            "/etc/letsencrypt/live/chat.example.org/privkey.pem": f"{self.folder}/privkey.pem",
        }
        return replaced(site, pairs).replace("chat.example.org", NAME)

    def _command(self, *words: str) -> list[str]:
        assert PROGRAM
        return [PROGRAM, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), *words]

    def _run(self, *words: str) -> None:
        done = subprocess.run(
            self._command(*words), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr


def replaced(text: str, pairs: dict[str, str]) -> str:
    """Each of them, which is there once."""
    for old, new in pairs.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def before(server: Server, folder: Path, locations: str | None = None) -> Nginx:
    """In front of a server that listens on the port which its tests hold."""
    folder.mkdir()
    return Nginx(folder, "{}:{}".format(*server.address), locations)


def locations_of_the_docs() -> str:
    """The lines of docs/deploy.md for a path of a site that there is."""
    (block,) = re.findall(r"^```nginx\n(.*?)^```", (ROOT / "docs" / "deploy.md").read_text(), re.M | re.S)
    return block


def trusting(address: Tls, folder: Path) -> Tls:
    """The address, where that certificate is believed."""
    address.context = ssl.create_default_context(cafile=folder / "fullchain.pem")
    return address


def write_certificate(folder: Path) -> None:
    """Of this machine, signed by itself."""
    (folder / "fullchain.pem").write_bytes(_certificate()[0])
    (folder / "privkey.pem").write_bytes(_certificate()[1])


@cache
def _certificate() -> tuple[bytes, bytes]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, day = datetime.now(UTC), timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(NAME), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=True,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), plain
