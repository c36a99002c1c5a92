"""Settings: read strictly, and wrong ones stop the start with what would be right."""

import pytest

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
        ("CHAT_DATABASE_URL", "mysql://", "sqlite:///relative/path.db or sqlite:////absolute/path.db"),
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
