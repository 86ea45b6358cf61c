"""The stores of contract tests, and the Redis of tests that want one."""

from tests.rooms_admin.stores import stores
from tests.support.redis_server import empty_redis, own_redis, shared_redis

__all__ = ["empty_redis", "own_redis", "shared_redis", "stores"]
