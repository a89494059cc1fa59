from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django_rq.models import Dashboard

from ordersite.admin import QueuePages

pytestmark = pytest.mark.django_db

HOME = "/admin/django_rq/dashboard/"
# Pages that look, and pages that act: each with the method that does it.
PAGES = [
    ("get", ""),
    ("get", "stats.json"),
    ("get", "queues/0/"),
    ("get", "queues/0/failed/"),
    ("get", "workers/0/"),
    ("post", "queues/0/empty/"),
    ("post", "queues/0/requeue-all/"),
    ("post", "queues/0/some-job/requeue/"),
    ("post", "queues/0/some-job/enqueue/"),
    ("post", "queues/0/some-job/delete/"),
    ("post", "queues/actions/0/"),
]


@pytest.fixture
def staff(client: Client) -> Client:
    """A member of staff with every right that can be given, but no superuser."""
    user = User.objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client.force_login(user)
    return client


@pytest.mark.parametrize(("method", "page"), PAGES)
def test_staff_may_not_see_or_change_the_queues(staff, method, page):
    assert getattr(staff, method)(HOME + page).status_code == 403


def test_who_is_refused_is_one_short_line_in_the_log(staff, caplog):
    User.objects.get().user_permissions.clear()

    for page in (HOME, "/admin/auth/user/"):
        assert staff.get(page).status_code == 403

    assert [(r.levelname, r.getMessage(), r.exc_info) for r in caplog.records] == [
        ("WARNING", f"Forbidden (Permission denied): {page}", None)
        for page in (HOME, "/admin/auth/user/")
    ]


@pytest.mark.parametrize(("method", "page"), PAGES)
def test_a_stranger_is_sent_to_the_login(client, method, page):
    response = getattr(client, method)(HOME + page)

    assert response.status_code == 302
    assert response.headers["Location"].startswith(
        "/admin/login/?next=/admin/django_rq/"
    )


@pytest.mark.parametrize("page", ["", "stats.json", "queues/0/", "workers/0/"])
def test_superusers_see_the_queues(admin_client, page):
    response = admin_client.get(HOME + page)

    assert response.status_code == 200
    assert "orders" in response.content.decode()


def test_superusers_empty_a_queue(admin_client):
    response = admin_client.post(f"{HOME}queues/0/empty/")

    assert response.status_code == 302


def test_only_superusers_find_the_queues_in_the_index(admin_client, staff):
    superuser = User.objects.get(username="admin")

    assert HOME not in staff.get("/admin/").content.decode()
    staff.force_login(superuser)
    assert HOME in staff.get("/admin/").content.decode()


def test_every_page_of_django_rq_lies_behind_the_guard(rf):
    request = rf.get("/")
    request.user = User(is_staff=True)
    patterns = QueuePages(Dashboard, admin.site).get_urls()

    assert len(patterns) > 20
    for pattern in patterns:
        with pytest.raises(PermissionDenied):
            pattern.callback(request)


def test_django_rq_has_no_second_door():
    with pytest.raises(NoReverseMatch):
        reverse("django_rq:home")
