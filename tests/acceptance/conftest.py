from tests.systems.fixtures import stores, system

__all__ = ["stores", "system"]
