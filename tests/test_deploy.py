"""What is in deploy/: it names what there is, and docs/deploy.md does with it what it says."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields

import pytest

from chat.settings import Settings, as_file, environment, from_environment, variable, written
from tests.faults.test_processes import BETWEEN
from tests.faults.traffic import traffic
from tests.fronts import APACHE, CADDY, Apache, Caddy
from tests.nginx import NAME, PROGRAM, needs_nginx, write_certificate
from tests.pages.visitor import invitation
from tests.server import COMMAND, PATIENCE_SECONDS, ROOT, Activated

DEPLOY = ROOT / "deploy"
ENV_FILE = DEPLOY / "tete-a-tete.env"
UNITS = sorted((DEPLOY / "systemd").iterdir())
IN_OPT = "/opt/tete-a-tete/current/bin/tete-a-tete"
# Of systemd's own scale, from 0 (nothing is allowed) to 100.
EXPOSURE = 25


def test_the_file_of_settings_has_each_with_its_default():
    ours = Settings(database_url="sqlite:////var/lib/tete-a-tete/chat.db")
    assert ENV_FILE.read_text() == as_file(ours), "make deploy/tete-a-tete.env"
    lines = ENV_FILE.read_text().splitlines()
    for each in fields(Settings):
        if each.name != "database_url":
            assert f"#{variable(each.name)}={written(each.default)}" in lines
    assert from_environment(environment({"CHAT_ENV_FILE": str(ENV_FILE)})) == ours


def test_settings_that_are_printed_as_a_file_are_read_again():
    odd = {
        "CHAT_WORKERS": "2",
        "CHAT_OPERATOR_ADDRESS": "1 rue de l'Exemple|75000 Paris",
        "CHAT_TRUSTED_HOSTS": "chat.example.org,.example.net",
        "CHAT_LONG_POLL_SECONDS": "2.5",
        "CHAT_STRIPE_SECRET_KEY": "secret",
        "CHAT_STRIPE_WEBHOOK_SECRET": "secret",
    }
    text = as_file(from_environment(odd))
    assert "=secret" not in text
    read = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("CHAT_"))
    assert read == {name: value for name, value in odd.items() if "STRIPE" not in name}


systemd_analyze = shutil.which("systemd-analyze")


@pytest.fixture
def units(tmp_path):
    """As on a server, with a program that is there."""
    for unit in UNITS:
        text = unit.read_text()
        assert text.count("ExecStart=") == text.count(f"ExecStart={IN_OPT} ")
        (tmp_path / unit.name).write_text(text.replace(IN_OPT, COMMAND[0]))
    return [tmp_path / unit.name for unit in UNITS]


@pytest.mark.skipif(not systemd_analyze, reason="needs systemd")
def test_systemd_finds_nothing_wrong_with_the_units(units):
    done = subprocess.run(
        [systemd_analyze, "verify", "--man=no", *units], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(not systemd_analyze, reason="needs systemd")
def test_the_services_may_do_little(units):
    for unit in units:
        if unit.suffix == ".service":
            words = ("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager")
            done = subprocess.run([systemd_analyze, *words, unit], capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr


def test_the_socket_and_the_settings_name_one_address():
    assert f"ListenStream={Settings().bind}\n" in (DEPLOY / "systemd" / "tete-a-tete.socket").read_text()
    for path in ("nginx/conf.d/tete-a-tete.conf", "caddy/Caddyfile", "apache/tete-a-tete.conf"):
        assert Settings().bind in (DEPLOY / path).read_text()


def test_the_image_is_made_of_files_that_there_are_and_has_all_that_the_package_has():
    text = (DEPLOY / "docker" / "Dockerfile").read_text()
    copied = [
        source
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
        for source in sources.split()
    ]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    allowed = (DEPLOY / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    assert [source for source in copied if f"!{source}" not in allowed] == []
    packed = re.findall(r'^"(\S+)" = "tete_a_tete/', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert packed and not set(packed) - set(copied)


def test_compose_names_files_that_there_are():
    folder = DEPLOY / "docker"
    text = (folder / "compose.yaml").read_text()
    named = re.findall(r"- (\.\.?/[^:]+):", text)
    named += re.findall(r"context: (\S+)", text)
    assert len(named) == 3
    assert [each for each in named if not (folder / each).exists()] == []


@pytest.mark.parametrize("settings", [{}, {"prefix": "/chat", "trusted_hosts": ".example.org,other.example"}])
def test_the_health_check_asks_the_server(start, tmp_path, settings):
    server = start(**settings)
    # As it is installed there.
    (tmp_path / "tete_a_tete").mkdir()
    (tmp_path / "tete_a_tete" / "__init__.py").touch()
    (tmp_path / "tete_a_tete" / "chat").symlink_to(ROOT / "chat")
    environment = server.environment | {
        "CHAT_BIND": f"0.0.0.0:{server.address[1]}",
        "PYTHONPATH": str(tmp_path),
    }
    command = [sys.executable, DEPLOY / "docker" / "healthcheck.py"]
    ask = {"env": environment, "cwd": "/", "capture_output": True, "text": True, "timeout": PATIENCE_SECONDS}
    server.client().get("/")  # It may still boot.
    assert subprocess.run(command, **ask).returncode == 0
    server.kill()
    server.listener.close()
    assert subprocess.run(command, **ask).returncode == 1


def lines_of_the_docs():
    """What docs/deploy.md has a reader type on a new server."""
    text = (ROOT / "docs" / "deploy.md").read_text()
    first = text[: text.index("### A new version")]
    return "".join(re.findall(r"^```sh\n(.*?)^```", first, re.MULTILINE | re.DOTALL))


# What is of the whole machine, of the network, or takes minutes: it is noted that it was asked for.
NOTED = ("apt-get", "adduser", "systemctl", "certbot", "curl", "tete-a-tete", "nginx")
STUB = '#!/bin/sh\necho "$(basename "$0") $*" >> {noted}\n'
# A virtual environment is the one of these tests, and pip does nothing there.
PYTHON = """\
#!/bin/sh
mkdir -p "$3/bin"
ln -s {python} "$3/bin/python"
printf '#!/bin/sh\\nexec {command} "$@"\\n' > "$3/bin/tete-a-tete"
printf '#!/bin/sh\\necho "pip $*" >> {noted}\\n' > "$3/bin/pip"
chmod 755 "$3/bin/pip" "$3/bin/tete-a-tete"
"""


@pytest.fixture
def machine(tmp_path):
    """A folder for the root of a Debian, after its nginx is installed."""
    for name in ("etc/systemd/system", "var/backups", "usr/local/bin", "opt", "bin"):
        (tmp_path / name).mkdir(parents=True)
    if PROGRAM:
        shutil.copytree("/etc/nginx", tmp_path / "etc/nginx", symlinks=True)
    noted = tmp_path / "noted"
    stubs = {name: STUB for name in NOTED} | {"python3": PYTHON}
    for name, text in stubs.items():
        (tmp_path / "bin" / name).write_text(
            text.format(noted=noted, python=sys.executable, command=COMMAND[0])
        )
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def follow(machine):
    """Type the lines, on that machine, for a site of this name; returns what was noted."""
    lines = lines_of_the_docs().replace("site=chat.example.org", f"site={NAME}.example")
    # There is no such user here.
    lines = lines.replace(" -o tete-a-tete -g tete-a-tete", "").replace(" -g tete-a-tete", "")
    lines = re.sub(r"(?<![\w/.:])/(etc|opt|usr/local|var/backups)/", rf"{machine}/\1/", lines)
    path = f"{machine}/bin:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return (machine / "noted").read_text().splitlines()


@needs_nginx
def test_the_lines_of_the_docs_lead_to_a_site(machine):
    noted = follow(machine)
    assert [line.split()[0] for line in noted].count("pip") == 2
    asked = next(line for line in noted if line.startswith("curl"))
    assert asked.endswith(f" --header Host: {NAME}.example http://{Settings().bind}/readyz")
    # The service finds its program, and its settings the site's name.
    assert (machine / "opt/tete-a-tete/current/bin/tete-a-tete").exists()
    found = from_environment(environment({"CHAT_ENV_FILE": str(machine / "etc/tete-a-tete.env")}))
    assert found.trusted_hosts == (f"{NAME}.example",)
    assert IN_OPT in (machine / "usr/local/bin/tete-a-tete").read_text()
    installed = {path.name for path in (machine / "etc/systemd/system").iterdir()}
    assert installed == {unit.name for unit in UNITS}
    enabled = next(line for line in noted if line.startswith("systemctl enable")).split()[3:]
    assert set(enabled) <= installed and "tete-a-tete.socket" in enabled


@needs_nginx
def test_debians_nginx_takes_the_files(machine):
    follow(machine)
    write_certificate(machine)
    folder = machine / "etc/nginx"
    for path in folder.rglob("*.conf"):
        if path.is_file() and not path.is_symlink():
            path.write_text(elsewhere(path.read_text(), machine))
    site = folder / "sites-available/tete-a-tete"
    site.write_text(
        elsewhere(site.read_text(), machine)
        .replace(f"{machine}/etc/letsencrypt/live/{NAME}.example", str(machine))
        .replace("listen [::]:80;", "")
        .replace("listen [::]:443 ssl http2;", "")
        .replace("listen 80;", "listen 127.0.0.1:18080;")
        .replace("listen 443 ssl http2;", "listen 127.0.0.1:18443 ssl http2;")
    )
    for name in ("var/log/nginx", "run", "var/lib/nginx"):
        (machine / name).mkdir(parents=True, exist_ok=True)
    command = [PROGRAM, "-T", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    assert "worker_connections 16384;" in done.stdout and "worker_rlimit_nofile 65536;" in done.stdout
    assert done.stdout.count(f"server_name {NAME}.example;") == 2


def elsewhere(text, machine):
    """Paths of the machine in one of its files."""
    return re.sub(r"(?<![\w/.:])/(etc|var/log|run)/", rf"{machine}/\1/", text)


@pytest.mark.skipif(not CADDY, reason="needs caddy")
def test_caddy_takes_its_file(tmp_path):
    command = ["caddy", "adapt", "--config", str(DEPLOY / "caddy" / "Caddyfile"), "--validate"]
    done = subprocess.run(
        command,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert '"chat.example.org"' in done.stdout


@pytest.mark.parametrize(
    "front",
    [
        pytest.param(Caddy, marks=pytest.mark.skipif(not CADDY, reason="needs caddy")),
        pytest.param(Apache, marks=pytest.mark.skipif(not APACHE, reason="needs apache2-bin")),
    ],
)
def test_other_proxies_lose_nothing_across_an_upgrade_either(tmp_path, front):
    folder = tmp_path / "server"
    folder.mkdir()
    with (
        Activated(folder, long_poll_seconds=25) as server,
        front(tmp_path / "front", "{}:{}".format(*server.address)) as proxy,
    ):
        token = invitation(server)
        assert [proxy.client().get(f"/links/{token}{more}").status for more in ("", "?x=1")] == [200] * 2
        with traffic(server, proxy.address) as going:
            for _ in range(2):
                going.go_on(BETWEEN)
                server.upgrade()
                going.fault()
            going.go_on(BETWEEN)
        assert going.unanswered() == []
        seen = proxy.client(server.person("admin").token).get("/api/chat/diagnose").json
        scheme = "https" if front is Apache else "http"
        assert (seen["scheme"], seen["host"]) == (scheme, "{}:{}".format(*proxy.address))
        assert seen["forwarded_for"] == "127.0.0.1"
    assert proxy.log.count("/links/...") == 2
    assert token not in proxy.log
