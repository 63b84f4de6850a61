from tests.streaming.viewing.harness import allowance, bench, lease

__all__ = ["allowance", "bench", "lease"]
