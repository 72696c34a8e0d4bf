"""Pages of organizers: their own members, and staff who let them in."""

from __future__ import annotations

from heyan.organizations.member_views import organizer_pages
from heyan.organizations.staff_views import staff_pages

__all__ = ["organizer_pages", "staff_pages"]
