"""What tests of this folder may ask for: virtual time, and a sentence in English."""

from tests.support.speech import english
from tests.support.virtual_time import pytest_asyncio_loop_factories

__all__ = ["english", "pytest_asyncio_loop_factories"]
