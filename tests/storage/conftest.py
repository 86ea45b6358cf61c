"""The stores of contract tests, and the Redis of tests that want one."""

from tests.support.redis_server import empty_redis, own_redis, shared_redis
from tests.support.stores import stores

__all__ = ["empty_redis", "own_redis", "shared_redis", "stores"]
