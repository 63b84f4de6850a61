from tests.streaming.viewing.harness import bench, lease

__all__ = ["bench", "lease"]
