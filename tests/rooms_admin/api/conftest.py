"""A service over ACS in memory and a client of it, for each test."""

from tests.support.rooms_api import http, service

__all__ = ["http", "service"]
