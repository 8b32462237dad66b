"""Upstream accounts that operators add and remove, and their keys, sealed."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, delete, exists, insert, select, update

from db.account_rows import account_of, insert_account, note, of_key, since_another_key
from db.account_values import Account, Change, KeySource
from db.accounts import lock_name
from db.engine import Database
from db.pauses import join_model_pauses
from db.sealing import MasterKeys, Sealed
from db.tables import account_keys, accounts, attempts
from jobs.account_pauses import PauseReason
from jobs.errors import SegqError
from jobs.upstream_keys import TAKEN_UP_WITHIN


class AccountThere(SegqError):  # noqa: N818  # says what it is
    """An account of this name is there, and its key is not to be replaced."""


@dataclass(frozen=True)
class NewKey:
    """A key as it is to be kept, and what of it is shown."""

    sealed: Sealed
    fingerprint: str


class AccountKeys:
    """Nothing here ever gives a key in the clear: whoever has the master key opens it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_pool(self, pool: str) -> dict[UUID, Sealed]:
        """The sealed keys of a pool's accounts, those of removed ones too while they are kept."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(account_keys)
                .join(accounts, accounts.c.id == account_keys.c.account_id)
                .where(accounts.c.pool == pool)
            ).all()
        return {row.account_id: Sealed(row.ciphertext, row.master_key) for row in rows}

    def add(
        self,
        pool: str,
        name: str,
        key: NewKey,
        change: Change,
        *,
        call_limit: int,
        replaces: bool = False,
    ) -> Account:
        """Let a pool have an account with this key; one that was removed comes back.

        `call_limit` (a minute) is for a new one. Raises `AccountThere` where there is one already
        and the key does not replace its own, or its key comes from the environment.
        """
        with self._database.write() as connection:
            lock_name(connection, f"{pool}/{name}", sqlite=self._database.is_sqlite)
            known = connection.execute(
                select(accounts).where(accounts.c.pool == pool, accounts.c.name == name)
            ).one_or_none()
            if known is not None:
                _must_be_free(account_of(known), replaces=replaces)
            account = self._write(connection, pool, name, key, change, call_limit)
            if known is None or known.removed_at is not None:
                join_model_pauses(connection, account.id, pool, self._database)
            return account

    def remove(self, account_id: UUID, change: Change) -> bool:
        """Let no new call leave it; whether it was there. Its key goes when nothing of it is open."""
        with self._database.write() as connection:
            removed = connection.execute(
                update(accounts)
                .where(accounts.c.id == account_id, accounts.c.removed_at.is_(None))
                .values(removed_at=self._database.now, **note(change, self._database))
            )
            return bool(removed.rowcount)

    def erase_unused(self, pool: str) -> int:
        """Erase the keys of removed accounts of which no call is open or looked for; how many.

        Not before `TAKEN_UP_WITHIN` has passed: a claim looks at no removal, and the result of one
        that comes after the erasure could be fetched by nobody.
        """
        mine = attempts.c.account_id == accounts.c.id
        # Apart, and so each has an index of few rows.
        is_open = exists().where(mine, attempts.c.finished_at.is_(None))
        is_looked_for = exists().where(mine, attempts.c.next_look_at.is_not(None))
        unused = select(accounts.c.id).where(
            accounts.c.pool == pool,
            accounts.c.removed_at <= self._database.after(-TAKEN_UP_WITHIN),
            ~is_open,
            ~is_looked_for,
        )
        with self._database.read() as connection:
            ids = list(
                connection.scalars(
                    select(account_keys.c.account_id).where(account_keys.c.account_id.in_(unused))
                )
            )
        if not ids:
            return 0
        with self._database.write() as connection:
            return connection.execute(
                delete(account_keys).where(
                    account_keys.c.account_id.in_(ids), account_keys.c.account_id.in_(unused)
                )
            ).rowcount

    def seal_anew(self, pool: str, master: MasterKeys) -> tuple[list[str], list[str]]:
        """Seal every key under the newest master key; the names of the accounts whose are, and of
        those whose no master key opens. The latter stay as they are.
        """
        done, left = [], []
        names = {one.id: one.name for one in self._accounts(pool)}
        for account_id, sealed in self.of_pool(pool).items():
            try:
                anew = master.seal(master.open(sealed))
            except SegqError:
                left.append(names[account_id])
                continue
            with self._database.write() as connection:
                # Nobody's who replaced it meanwhile.
                connection.execute(
                    update(account_keys)
                    .where(
                        account_keys.c.account_id == account_id,
                        account_keys.c.ciphertext == sealed.ciphertext,
                    )
                    .values(
                        ciphertext=anew.ciphertext,
                        master_key=anew.master_key,
                        sealed_at=self._database.now,
                    )
                )
            done.append(names[account_id])
        return done, left

    def _accounts(self, pool: str) -> list[Account]:
        with self._database.read() as connection:
            rows = connection.execute(select(accounts).where(accounts.c.pool == pool))
            return [account_of(row) for row in rows]

    def _write(
        self,
        connection: Connection,
        pool: str,
        name: str,
        key: NewKey,
        change: Change,
        call_limit: int,
    ) -> Account:
        its_key = {
            **of_key(KeySource.DATABASE, key.fingerprint),
            **note(change, self._database),
        }
        row = connection.execute(
            update(accounts)
            .where(accounts.c.pool == pool, accounts.c.name == name)
            .values(**its_key, **since_another_key(key.fingerprint, self._database))
            .returning(accounts)
        ).one_or_none()
        if row is None:
            row = insert_account(
                connection,
                self._database,
                pool,
                name,
                call_limit=call_limit,
                window_seconds=60,
                **its_key,
            )
        connection.execute(
            update(accounts)
            .where(accounts.c.id == row.id, accounts.c.paused_for == PauseReason.KEY_REFUSED)
            .values(
                paused_for=None, paused_at=None, pause_message=None, resumed_at=self._database.now
            )
        )
        connection.execute(delete(account_keys).where(account_keys.c.account_id == row.id))
        connection.execute(
            insert(account_keys).values(
                account_id=row.id,
                ciphertext=key.sealed.ciphertext,
                master_key=key.sealed.master_key,
                sealed_at=self._database.now,
            )
        )
        return account_of(row)


def _must_be_free(known: Account, *, replaces: bool) -> None:
    if known.removed_at is not None:
        return
    if known.key_source is not KeySource.DATABASE:
        raise AccountThere(
            f"the key of account {known.name} comes from the environment: change it there, or choose "
            "another name"
        )
    if not replaces:
        raise AccountThere(
            f"account {known.name} is there: replace its key with --replace, or choose another name"
        )
