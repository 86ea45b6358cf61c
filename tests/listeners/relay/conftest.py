"""Offers virtual time to the tests that ask for it."""

from tests.support.virtual_time import pytest_asyncio_loop_factories as pytest_asyncio_loop_factories
