"""What an operator changes of upstream accounts; each returns what was done, in lines."""

from datetime import UTC, datetime

from cli.complaint import ComplaintError
from db.accounts import AccountStore
from db.rows import Account
from jobs.account_pauses import WORDS, Pause, PauseReason
from jobs.catalog import Transport


def pause(store: AccountStore, accounts: list[Account], reason: str) -> list[str]:
    """Let no call leave, until `resume`."""
    must_be_there(accounts)
    for one in accounts:
        store.pause(one.id, Pause(PauseReason.OPERATOR, None, said=reason))
    return [
        f"account {one.name} pauses: no call leaves until `segq account resume`; those that have "
        "left are let finish"
        for one in accounts
    ]


def set_transport(
    store: AccountStore, accounts: list[Account], transport: Transport | None
) -> list[str]:
    """Say how models are called; None: as the catalog says."""
    must_be_there(accounts)
    for one in accounts:
        store.set_transport(one.id, transport)
    how = "as the catalog says" if transport is None else f"by {transport}"
    return [f"account {one.name} calls all models {how}, from the next call on" for one in accounts]


def resume(store: AccountStore, accounts: list[Account], model: str | None) -> list[str]:
    """End what an operator has to end: his own pause, and those of models, or of one `model`.

    Where there is none of these, the account's pause for whatever reason.
    """
    by_hand = [] if model else [one for one in accounts if one.paused_for is PauseReason.OPERATOR]
    done = _resume_accounts(store, by_hand)
    done += _resume_models(store, [store.get(one.id) for one in accounts], model)
    if done:
        return done
    return resume_accounts(store, accounts)


def resume_accounts(store: AccountStore, accounts: list[Account]) -> list[str]:
    """End the accounts' own pauses, whatever they are for; a rate limit ends by itself."""
    return _resume_accounts(store, accounts) or ["nothing was paused" + _of_limits(accounts)]


def must_be_there(accounts: list[Account]) -> None:
    """Raises `ComplaintError` where there is none to change."""
    if not accounts:
        raise ComplaintError("there is no account yet: the first worker makes it when it starts")


def _resume_models(store: AccountStore, accounts: list[Account], model: str | None) -> list[str]:
    paused = [(one, pause.model) for one in accounts for pause in store.model_pauses(one.id)]
    names = sorted({name for _, name in paused})
    if model is not None and model not in names:
        which = f"paused are: {', '.join(names)}" if names else "no model is"
        raise ComplaintError(f"{model} is not paused; {which}")
    now = datetime.now(UTC)
    resumed = [
        (account, name)
        for account, name in paused
        if model in {None, name} and store.resume_model(account.id, name)
    ]
    lines = [
        f"{name} goes on (account {account.name}); its jobs run "
        + ("when the account does" if account.pause(now) else "within seconds")
        for account, name in resumed
    ]
    concerned = {account.id: account for account, _ in resumed}
    return lines + [
        f"account {one.name} still pauses: {_end_of(pause.reason, bool(store.model_pauses(one.id)))}"
        for one in concerned.values()
        if (pause := one.pause(now)) is not None
    ]


def _end_of(reason: PauseReason, models_pause: bool) -> str:
    if reason in {PauseReason.RATE_LIMIT, PauseReason.OPERATOR}:
        return WORDS[reason]
    first = ", run again after it has resumed the other models," if models_pause else ""
    return f"{WORDS[reason]}. `segq account resume`{first} ends this pause at once"


def _resume_accounts(store: AccountStore, accounts: list[Account]) -> list[str]:
    return [
        f"account {account.name} goes on; it paused for: {account.paused_for}"
        for account in accounts
        if account.paused_for and store.resume(account.id, account.paused_for)
    ]


def _of_limits(accounts: list[Account]) -> str:
    """A rate limit cannot be ended from here: Segmind would refuse the calls."""
    for account in accounts:
        pause = account.pause(datetime.now(UTC))
        if pause is not None and pause.reason is PauseReason.RATE_LIMIT:
            return (
                f"; the rate limit of account {account.name} ends by itself at {pause.until:%X} UTC"
            )
    return ""
