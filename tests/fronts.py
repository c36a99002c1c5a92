"""A real Caddy and a real Apache before a server, with the files of deploy/."""

import os
import shutil
import socket
import subprocess
from pathlib import Path
from time import sleep

from tests.client import Client, Tls
from tests.nginx import NAME, replaced, trusting, write_certificate
from tests.server import PATIENCE_SECONDS, PAUSE_SECONDS, ROOT

CADDY = shutil.which("caddy")
APACHE = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
# Nothing of its own: no certificate of somebody, no port to be told things on.
CADDY_GLOBAL = "{\n\tadmin off\n\tauto_https off\n}\n"
APACHE_MODULES = Path("/usr/lib/apache2/modules")
APACHE_MAIN = """\
ServerRoot {folder}
ServerName {name}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog {folder}/error.log
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{tls}
{modules}
Include {folder}/site.conf
"""
# Those of Debian that are on, and the ones that the file asks for.
MODULES = (
    *("mpm_event", "authz_core", "env", "setenvif", "alias", "socache_shmcb"),
    *("ssl", "headers", "proxy", "proxy_http"),
)


class Front:
    """Start it with `with`; `address` is where it is reached."""

    def __init__(self, folder: Path, upstream: str) -> None:
        folder.mkdir()
        self.folder, self.upstream = folder, upstream
        self.plain, self.tls = free_port(), free_port()
        self.address: tuple[str, int] = ("127.0.0.1", self.plain)
        self.environment = {**os.environ, "HOME": str(folder)}

    def command(self) -> list[str]:
        """What stays in the foreground."""
        raise NotImplementedError

    def __enter__(self) -> "Front":
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), env=self.environment, stdout=log, stderr=log)
        while True:
            with socket.socket() as connection:
                if connection.connect_ex(self.address[:2]) == 0:
                    return self
            assert self.process.poll() is None, self.log
            sleep(PAUSE_SECONDS)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)

    def client(self, token: str | None = None) -> Client:
        """Somebody who comes through here."""
        return Client(self.address, token)

    @property
    def log(self) -> str:
        """All that it has written down."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("*log")))


class Caddy(Front):
    """Without TLS: certificates are its own affair."""

    def command(self) -> list[str]:
        assert CADDY
        text = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
        (self.folder / "Caddyfile").write_text(CADDY_GLOBAL + text)
        self.environment |= {"SITE": f"http://127.0.0.1:{self.plain}", "UPSTREAM": self.upstream}
        return [CADDY, "run", "--config", str(self.folder / "Caddyfile")]


class Apache(Front):
    """With the modules of Debian that are on, and those that the file asks for."""

    def command(self) -> list[str]:
        assert APACHE
        write_certificate(self.folder)
        site = (ROOT / "deploy" / "apache" / "tete-a-tete.conf").read_text()
        pairs = {
            "<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{self.plain}>",
            "<VirtualHost *:443>": f"<VirtualHost 127.0.0.1:{self.tls}>",
            "/etc/letsencrypt/live/chat.example.org/fullchain.pem": f"{self.folder}/fullchain.pem",
            "/etc/letsencrypt/live/chat.example.org/privkey.pem": f"{self.folder}/privkey.pem",
            '"http://127.0.0.1:3000/"': f'"http://{self.upstream}/"',
        }
        site = replaced(site, pairs).replace("chat.example.org", NAME)
        (self.folder / "site.conf").write_text(site)
        modules = "\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in MODULES)
        (self.folder / "main.conf").write_text(
            APACHE_MAIN.format(folder=self.folder, name=NAME, plain=self.plain, tls=self.tls, modules=modules)
        )
        self.address = trusting(Tls(("127.0.0.1", self.tls)), self.folder)
        self.environment |= {"APACHE_LOG_DIR": str(self.folder)}
        return [APACHE, "-f", str(self.folder / "main.conf"), "-D", "FOREGROUND"]


def free_port() -> int:
    """One that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
