"""The page of the sockets: each thing once, found from its top and from the other pages."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from orders.statuses import Status

pytestmark = pytest.mark.django_db
PAGE = "/api/docs/sockets/"


def shown(address: str = PAGE) -> str:
    return Client().get(address).content.decode()


def test_the_contents_at_the_top_lead_to_each_heading_and_nowhere_else():
    page = shown()
    contents = page.partition('id="contents"')[2].partition("</nav>")[0]
    headings = re.findall(r'<h[23] id="(\w+)"', page)

    assert len(headings) == len(set(headings))
    assert set(re.findall(r'href="#(\w+)"', contents)) == set(headings)
    assert set(re.findall(r'href="#(\w+)"', page)) <= set(headings)


def test_each_event_is_described_once():
    headings = re.findall(r"<h3[^>]*>(\w+)</h3>", shown())

    for status in Status.values:
        assert headings.count(f"{status.capitalize()}Event") == 1


def test_the_page_says_each_way_to_prove_who_one_is():
    section = shown().partition('<h2 id="proofs">')[2].partition("<h2 ")[0]

    for said in (
        *("Authorization: Bearer &lt;key&gt;", "dex.v1", "key.&lt;key&gt;"),
        *("ticket=", "sessionid", "Only the first that is there counts"),
    ):
        assert said in section


def test_the_page_and_the_document_tell_the_seconds_of_this_installation(
    settings: Settings,
):
    settings.SOCKET_STALL_S = 7.5

    for address in (PAGE, "/api/asyncapi.json"):
        assert shown(address).count("did not read for 7.5 s") >= 2
        assert "SOCKET_STALL_S" not in shown(address)


@pytest.mark.parametrize("address", ["/api/docs/", "/test-concurrent-orders"])
def test_the_page_and_the_others_lead_to_each_other(address: str):
    assert f'href="{PAGE}"' in shown(address)
    assert f'href="{address}"' in shown()
