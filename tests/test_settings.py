import os
from pathlib import Path

import msgspec
import pytest

from odus.settings import Settings, SettingsError, variable

DEFAULTS = {
    "database_url": "",
    "data_dir": None,
    "host": "127.0.0.1",
    "port": 8000,
    "url": "",
    "workers": 1,
    "jobs": None,
    "log_level": "info",
    "pool_size": 10,
    "list_pool_size": 4,
    "list_timeout": 2.0,
    "request_timeout": 4.5,
    "proxies": 0,
    "metrics_token": "",
    "metrics_dir": "",
    "otel_endpoint": "",
}

VARIABLES = {
    "ODUS_DATABASE_URL": ("postgresql://odus:p%40ss@db.example:5432/odus", "database_url", None),
    "ODUS_DATA_DIR": ("/srv/odus data", "data_dir", Path("/srv/odus data")),
    "ODUS_HOST": ("::", "host", None),
    "ODUS_PORT": ("8080", "port", 8080),
    "ODUS_URL": ("https://pay.example.com", "url", None),
    "ODUS_WORKERS": ("4", "workers", 4),
    "ODUS_JOBS": ("false", "jobs", False),
    "ODUS_LOG_LEVEL": ("debug", "log_level", None),
    "ODUS_POOL_SIZE": ("3", "pool_size", 3),
    "ODUS_LIST_POOL_SIZE": ("2", "list_pool_size", 2),
    "ODUS_LIST_TIMEOUT": ("0.5", "list_timeout", 0.5),
    "ODUS_REQUEST_TIMEOUT": ("2.5", "request_timeout", 2.5),
    "ODUS_PROXIES": ("2", "proxies", 2),
    "ODUS_METRICS_TOKEN": ("0123", "metrics_token", None),
    "ODUS_METRICS_DIR": ("/run/odus", "metrics_dir", None),
    "ODUS_OTEL_ENDPOINT": ("http://localhost:4318", "otel_endpoint", None),
}


def test_an_empty_environment_gives_the_defaults() -> None:
    assert msgspec.structs.asdict(Settings.of({})) == DEFAULTS


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (Settings(), "http://127.0.0.1:8000"),
        (Settings(host="0.0.0.0", port=80), "http://127.0.0.1:80"),  # noqa: S104 - nobody listens
        (Settings(host="::1"), "http://[::1]:8000"),
        (Settings(host="::", url="https://pay.example.com"), "https://pay.example.com"),
    ],
)
def test_people_reach_it_where_it_says_or_listens(settings: Settings, address: str) -> None:
    assert settings.public_url == address


def test_every_setting_has_its_variable() -> None:
    assert {field for _, field, _ in VARIABLES.values()} == set(Settings.__struct_fields__)
    assert {name: variable(field) for name, (_, field, _) in VARIABLES.items()} == {name: name for name in VARIABLES}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_sets_its_setting_and_no_other(name: str) -> None:
    text, field, value = VARIABLES[name]
    assert msgspec.structs.asdict(Settings.of({name: text})) == {**DEFAULTS, field: text if value is None else value}


def test_all_variables_are_read_together() -> None:
    settings = Settings.of({name: text for name, (text, _, _) in VARIABLES.items()})
    assert msgspec.structs.asdict(settings) == {
        field: text if value is None else value for text, field, value in VARIABLES.values()
    }


@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_is_one_that_is_not_set(name: str) -> None:
    assert Settings.of({name: ""}) == Settings()


def test_other_variables_mean_nothing() -> None:
    assert Settings.of({"ODUS_OTHER": "1", "PORT": "1", "HOST": "x", "odus_port": "1", "ODUS_PORT_": "1"}) == Settings()


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_each_level_of_the_log_can_be_chosen(level: str) -> None:
    assert Settings.of({"ODUS_LOG_LEVEL": level}).log_level == level


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ODUS_PORT", "http"),
        ("ODUS_PORT", "80.5"),
        ("ODUS_PORT", "8000 "),
        ("ODUS_WORKERS", "two"),
        ("ODUS_LOG_LEVEL", "verbose"),
        ("ODUS_LOG_LEVEL", "INFO"),
        ("ODUS_POOL_SIZE", "1e1000"),
        ("ODUS_REQUEST_TIMEOUT", "4,5"),
        ("ODUS_REQUEST_TIMEOUT", "soon"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_in_one_sentence_that_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=rf"\A{name} is not usable: [a-z][^\n]*\.\Z"):
        Settings.of({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ODUS_PORT", "65536"),
        ("ODUS_PORT", "-1"),
        ("ODUS_WORKERS", "0"),
        ("ODUS_WORKERS", "-1"),
        ("ODUS_POOL_SIZE", "0"),
        ("ODUS_POOL_SIZE", "-5"),
        ("ODUS_REQUEST_TIMEOUT", "0"),
        ("ODUS_REQUEST_TIMEOUT", "-1"),
        ("ODUS_REQUEST_TIMEOUT", "nan"),
    ],
)
def test_a_number_that_nothing_can_run_with_is_told_in_one_sentence_that_names_the_variable(
    name: str, text: str
) -> None:
    with pytest.raises(SettingsError, match=rf"\A{name} is not usable"):
        Settings.of({name: text})


def test_the_first_of_several_wrong_variables_is_named() -> None:
    with pytest.raises(SettingsError, match=r"\AODUS_(PORT|WORKERS) is not usable"):
        Settings.of({"ODUS_PORT": "x", "ODUS_WORKERS": "y"})


def test_a_wrong_value_does_not_hide_behind_right_ones() -> None:
    environment = {name: text for name, (text, _, _) in VARIABLES.items()} | {"ODUS_WORKERS": "many"}
    with pytest.raises(SettingsError, match="ODUS_WORKERS"):
        Settings.of(environment)


def test_a_message_shows_no_secret_of_another_variable() -> None:
    environment = {"ODUS_DATABASE_URL": "postgresql://odus:hidden@db/odus", "ODUS_METRICS_TOKEN": "hidden"}
    environment["ODUS_PORT"] = "x"
    with pytest.raises(SettingsError) as caught:
        Settings.of(environment)
    assert "hidden" not in str(caught.value)


def test_the_common_variable_of_opentelemetry_is_understood() -> None:
    assert (
        Settings.of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}).otel_endpoint == "http://collector:4318"
    )
    assert Settings.of({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}).otel_endpoint == ""


def test_our_own_variable_goes_before_the_common_one() -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://common:4318", "ODUS_OTEL_ENDPOINT": "http://ours:4318"}
    assert Settings.of(environment).otel_endpoint == "http://ours:4318"
    environment["ODUS_OTEL_ENDPOINT"] = ""
    assert Settings.of(environment).otel_endpoint == "http://common:4318"


def test_without_more_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ODUS_PORT", "8123")
    assert Settings.of() == Settings(port=8123)
    assert Settings.of(os.environ) == Settings.of()


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Settings().port = 1  # type: ignore[misc]
