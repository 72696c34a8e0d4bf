"""One pool of decoder children for all of these tests, as the site has one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heyan.custody.images import Limits
from heyan.custody.pool import DecoderPool


@pytest.fixture(scope="session")
def pool() -> Iterator[DecoderPool]:
    """Two warm children under the site's own limits."""
    made = DecoderPool(Limits(processes=2))
    made.warm()
    yield made
    made.close()
