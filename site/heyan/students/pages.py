"""What the pages of students share."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

public_pages = Blueprint("students", __name__)
Page = str | Response | tuple[str, int]
