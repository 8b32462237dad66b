from tests.systems.fixtures import ending, stores, system

__all__ = ["ending", "stores", "system"]
