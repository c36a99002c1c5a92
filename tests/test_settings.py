"""Settings: read strictly, and wrong ones stop the start with what would be right."""

import pytest

from chat.runtime import Runtime
from chat.settings import SettingError, Settings, from_environment, unknown


def test_without_any_the_defaults_hold():
    assert from_environment({"PATH": "/bin"}) == Settings()


def test_each_is_read_in_its_own_type():
    read = from_environment({"CHAT_WORKERS": "2", "CHAT_LONG_POLL_SECONDS": " 2.5 ", "CHAT_DOORBELL": "0"})
    assert (read.workers, read.long_poll_seconds, read.doorbell) == (2, 2.5, False)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("CHAT_WORKERS", "0", "a whole number from 1 to 64"),
        ("CHAT_WORKERS", "two", "a whole number from 1 to 64"),
        ("CHAT_THREADS", "3", "a whole number from 4 to 1000"),
        ("CHAT_ABSENCE_SECONDS", "24", "a whole number from 25 to 86400"),
        ("CHAT_LONG_POLL_SECONDS", "nan", "a number of seconds from 0.05 to 300"),
        ("CHAT_WORKER_CLASS", "sync", "gevent or gthread"),
        ("CHAT_DOORBELL", "yes", "0 or 1"),
        ("CHAT_SPENDING_LIMIT", "20,00", "an amount like 20.00, or empty for none"),
        ("CHAT_SPENDING_LIMIT", "-1", "an amount like 20.00, or empty for none"),
        (
            "CHAT_DATABASE_URL",
            "mysql://",
            "sqlite:///relative/path.db, sqlite:////absolute/path.db or postgresql://user:password@host/name",
        ),
        ("CHAT_MAIL_FROM", "a@b@example.org", "chat@example.org or Name <chat@example.org>"),
        ("CHAT_MAIL_FROM", "A <a@example.org>\nBcc: b", "chat@example.org or Name <chat@example.org>"),
        (
            "CHAT_URL",
            "chat.example.org",
            "https://chat.example.org, or with a path: https://example.org/chat",
        ),
        ("CHAT_BIND", "", "host:port, [IPv6]:port, unix:/path/to.sock or fd://N"),
        ("CHAT_BIND", "::1:3000", "host:port, [IPv6]:port, unix:/path/to.sock or fd://N"),
        ("CHAT_BIND", "chat:70000", "host:port, [IPv6]:port, unix:/path/to.sock or fd://N"),
        ("CHAT_PREFIX", "chat", "a path like /chat, without / at its end, or nothing"),
        ("CHAT_PREFIX", "/chat/", "a path like /chat, without / at its end, or nothing"),
        ("CHAT_PREFIX", "/a/../b", "a path like /chat, without / at its end, or nothing"),
        ("CHAT_PREFIX", "//chat", "a path like /chat, without / at its end, or nothing"),
    ],
)
def test_a_wrong_value_is_told_with_what_would_be_right(name, value, right):
    with pytest.raises(SettingError) as error:
        from_environment({name: value})
    assert str(error.value) == f"{name} is {value!r}; it must be {right}"


SMTP = {
    "": "",
    "smtp://localhost:25?tls=none": "",
    "smtp://a:b@127.0.0.1:25?tls=none": "",
    "smtp://chat%40example.org:p%40ss@mail.example.org:587": "",
    "smtps://a:b@[2001:db8::1]": "",
    "mail.example.org": "smtp://user:password@host:587",
    "smtp://a:b@c@mail.example.org": "smtp://user:password@host:587",
    "smtp://mail.example.org:70000": "smtp://user:password@host:587",
    "smtp://mail.example.org/path": "smtp://user:password@host:587",
    "smtp://a:b@mail.example.org?tls=none": "with TLS where a password leaves this machine",
    "smtps://mail.example.org?tls=none": "smtp:// where there is no TLS",
}


@pytest.mark.parametrize("url", SMTP)
def test_a_mail_server_is_told_by_a_url_that_no_error_shows(url):
    if not SMTP[url]:
        assert from_environment({"CHAT_SMTP_URL": url}).smtp_url == url
        return
    with pytest.raises(SettingError) as error:
        from_environment({"CHAT_SMTP_URL": url})
    assert str(error.value).startswith(f"CHAT_SMTP_URL is of another form; it must be {SMTP[url]}")


def test_mail_wants_to_know_from_whom_and_where(tmp_path):
    database = f"sqlite:///{tmp_path}/chat.db"
    for more in ({}, {"mail_from": "chat@example.org"}, {"url": "https://chat.example.org"}):
        with pytest.raises(SettingError, match="wants CHAT_MAIL_FROM and CHAT_URL"):
            Runtime(Settings(database_url=database, smtp_url="smtps://mail.example.org", **more))


def test_names_that_are_no_setting_are_found():
    assert unknown({"CHAT_WORKER": "2", "CHAT_WORKERS": "2", "HOME": "/"}) == ["CHAT_WORKER"]


def test_a_wrong_value_stops_the_server(start):
    server = start(workers="many")
    assert server.process.wait(30) != 0
    assert "CHAT_WORKERS is 'many'; it must be a whole number from 1 to 64" in server.log


def test_a_wrong_name_is_logged(start):
    server = start(wokers=2)
    server.wait_until(lambda workers: workers)
    assert "CHAT_WOKERS is no setting" in server.log
