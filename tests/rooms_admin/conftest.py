"""The Redis of the tests that want one."""

from tests.support.redis_server import empty_redis, own_redis, shared_redis

__all__ = ["empty_redis", "own_redis", "shared_redis"]
