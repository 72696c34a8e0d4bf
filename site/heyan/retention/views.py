"""Pages of keeping."""

from __future__ import annotations

from flask import Blueprint

staff_pages = Blueprint("retention", __name__, url_prefix="/staff/retention")
