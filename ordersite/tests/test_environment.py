from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from ordersite.environment import Environment

NONSENSE = {
    "PORT": ("0", "65536", "-1", "8000.0", "http", "1_000", "٨٠٠٠", "9" * 5000),
    "ORDER_TTL_S": ("-120", "0", "1e3", "nan"),
    "MAX_SLIPPAGE_BPS": ("10001", "-1", "0.5"),
    "MAX_ORDER": ("-1", "0.5", "many"),
    "MAX_OPEN_ORDERS_PER_OWNER": ("0", "-1", "1000001"),
    "MAX_PRICE_IMPACT": ("1.1", "-0.1", "0.00005", "10%", ".1", "1e-2", "nan"),
    "RPC_TIMEOUT_S": ("nan", "inf", "-1", "0", "soon"),
    "DEBUG": ("maybe", "2", "truthy"),
    "LOG_LEVEL": ("LOUD",),
    "DATABASE_URL": ("mysql://u:s3cret@host/db", "sqlite:///x", "postgres://", "host"),
    "PG_CONN": ("mysql://u:s3cret@host/db",),
    "REDIS_URL": ("http://:s3cret@host", "redis://host:port/0", "redis://[::1"),
    "SOLANA_RPC_URLS": ("ws://host", "http://host,ftp://host", "http://h,http://h"),
    "SOLANA_WS_URLS": ("http://host", "ws://alone", "ws://h,ws://h", "maybe"),
    "PUBLIC_WS_URL": ("https://host",),
    "COMPUTE_UNIT_PRICE": ("-1",),
    "LOCALNET_OPTIONS": ("--fault 'never closed",),
}


def run_check(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=settings.BASE_DIR,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in NONSENSE.items() for value in values],
)
def test_nonsense_is_refused_with_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
):
    monkeypatch.setenv(name, value)
    source = Path(settings.BASE_DIR, "ordersite", "settings.py")
    code = compile(source.read_text(), str(source), "exec")
    module = {"__name__": "ordersite.settings", "__file__": str(source)}
    module["__package__"] = "ordersite"

    with pytest.raises(ImproperlyConfigured, match=f"^{name} must") as refusal:
        exec(code, module)

    assert "s3cret" not in str(refusal.value)


def test_a_refusal_is_one_line_and_no_traceback():
    done = run_check(PORT="70000")

    assert done.returncode == 1
    assert done.stderr == (
        "Cannot start: PORT must be a whole number from 1 to 65535.\n"
    )


def test_ports_that_overlap_are_found_by_the_system_check():
    done = run_check(PORT="8901", LOCALNET_PORT="8899")

    assert done.returncode == 1
    assert "(ordersite.E001) PORT 8901 is one of localnet's ports." in done.stderr


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SOME_PORT", " ")
    env = Environment(Path(os.devnull))

    assert env.integer("SOME_PORT", default=7, least=1, most=9) == 7
    assert env.boolean("SOME_PORT", default=True) is True
    assert env.urls("SOME_PORT", schemes=("http",), default=["http://a"]) == [
        "http://a"
    ]


@pytest.mark.parametrize(
    ("text", "basis_points"), [("0", 0), ("0.1", 1_000), ("0.0001", 1), ("1.0", 10_000)]
)
def test_a_fraction_is_read_to_the_basis_point(
    monkeypatch: pytest.MonkeyPatch, text: str, basis_points: int
):
    monkeypatch.setenv("SOME_SHARE", text)

    assert Environment(Path(os.devnull)).basis_points("SOME_SHARE", default=7) == (
        basis_points
    )


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    # Set first, so that both are gone after the test.
    monkeypatch.setenv("DOTENV_ONE", "environment")
    monkeypatch.setenv("DOTENV_TWO", "")
    monkeypatch.delenv("DOTENV_TWO")
    (tmp_path / ".env").write_text("DOTENV_ONE=file\nDOTENV_TWO=file\n")
    env = Environment(tmp_path / ".env")

    assert env.text("DOTENV_ONE") == "environment"
    assert env.text("DOTENV_TWO") == "file"


def test_the_first_name_that_is_set_wins(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECOND_NAME", "postgres://host/db")
    env = Environment(Path(os.devnull))

    url = env.url("FIRST_NAME", "SECOND_NAME", schemes=("postgres",))

    assert url == "postgres://host/db"


def test_every_variable_is_in_the_example_file_and_no_other():
    source = Path(settings.BASE_DIR, "ordersite", "settings.py").read_text()
    example = Path(settings.BASE_DIR, ".env.example").read_text()
    calls = re.findall(r"\benv\.\w+\(([^()]*)", source)
    names = [re.findall(r'"([A-Z][A-Z0-9_]+)"', call.split("=")[0]) for call in calls]
    read = {name for found in names for name in found}

    written = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))

    assert written == read - {"PG_CONN"}  # another name, told beside DATABASE_URL
    assert "PG_CONN" in example
