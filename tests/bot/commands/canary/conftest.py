"""What tests of this folder may ask for: virtual time."""

from tests.support.virtual_time import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
