import secrets

from sqlalchemy import select, update

from db.api_keys import KEY_PREFIX, KeyStore, Opened
from db.engine import Database
from db.inputs import InputStore
from db.rows import Input
from db.tables import api_keys
from db.tenants import TenantStore
from jobs import scopes


def test_a_key_opens_its_tenant_until_it_is_revoked(database: Database) -> None:
    store = TenantStore(database)
    key = KEY_PREFIX + secrets.token_hex()
    store.ensure_key("default", key, "first")
    store.ensure_key("default", key, "again")
    keys = KeyStore(database)
    assert keys.opened_by(key) == Opened(store.ensure("default"), scopes.USUAL, "first")
    assert keys.opened_by(KEY_PREFIX + secrets.token_hex()) is None
    with database.write() as connection:
        assert key not in str(connection.execute(select(api_keys)).all())
        connection.execute(update(api_keys).values(revoked_at=database.now))
    assert keys.opened_by(key) is None


def test_an_upload_belongs_to_its_tenant(database: Database) -> None:
    tenants, inputs = TenantStore(database), InputStore(database)
    mine, theirs = tenants.ensure("mine"), tenants.ensure("theirs")
    image = Input(mine, "ab" * 32, "inputs/x", "image/png", 1, 2, 3)
    inputs.add(image)
    inputs.add(image)
    assert inputs.get(mine, image.sha256) == image
    assert inputs.get(theirs, image.sha256) is None
