from __future__ import annotations

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_the_database_is_looked_into_without_any_psql_on_the_machine(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", "/nonexistent")

    call_command("dbshell", "--", "-At", "-c", "SELECT 6 * 7")

    assert capfd.readouterr().out.splitlines()[-1] == "42"
