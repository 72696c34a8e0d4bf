"""What is said of a portrait of the wrong proportions."""

from __future__ import annotations

import pytest
from flask import Flask

from heyan.custody.images import ImageRefused
from heyan.documents.wording import refusal_in_words
from heyan.settings import Settings


@pytest.mark.parametrize(
    ("measured", "cut", "kept"),
    [
        ("1400x1000", "左右一共裁去 686 像素", "714×1000"),
        ("1000x2000", "上下一共裁去 600 像素", "1000×1400"),
    ],
)
def test_a_wrong_ratio_is_told_with_the_pixels_to_cut(
    app: Flask, settings: Settings, measured: str, cut: str, kept: str
) -> None:
    """C2: an error says what to do."""
    with app.test_request_context("/"):
        said = refusal_in_words(ImageRefused("wrong_ratio", "295x413", measured), settings)
    assert cut in said
    assert kept in said
