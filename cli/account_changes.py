"""What an operator changes of upstream accounts; each returns what was done, in lines."""

from datetime import UTC, datetime

from cli.complaint import ComplaintError
from db.account_limits import AccountLimits
from db.account_values import Account, Change
from db.accounts import AccountStore
from jobs.account_pauses import WORDS, Pause, PauseReason
from jobs.catalog import Transport


def named(accounts: list[Account], name: str) -> Account:
    """The account of this name. Raises `ComplaintError`."""
    for one in accounts:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in accounts) or "none"
    raise ComplaintError(f"there is no account {name}; there are: {names}")


def pause(
    store: AccountStore, accounts: list[Account], name: str | None, change: Change
) -> list[str]:
    """Let no call leave, until `resume`; `name`: of this account alone."""
    must_be_there(accounts)
    chosen = accounts if name is None else [named(accounts, name)]
    for one in chosen:
        store.pause(one.id, Pause(PauseReason.OPERATOR, None, said=change.why), change)
    return [
        f"account {one.name} pauses: no call leaves until `segq account resume`; those that have "
        "left are let finish"
        for one in chosen
    ]


def set_limit(
    limits: AccountLimits, accounts: list[Account], name: str, limit: int | None, change: Change
) -> list[str]:
    """Let so many calls in its window leave an account; None: to be learned."""
    one = named(accounts, name)
    limits.set(one.id, limit, change)
    if limit is None:
        return [f"the limit of account {name} is to be learned"]
    window = "a minute" if one.window_seconds == 60 else f"in any {one.window_seconds} s"
    return [f"{limit} calls {window} may leave account {name}"]


def follow_settings(
    limits: AccountLimits, accounts: list[Account], name: str, change: Change
) -> list[str]:
    """Let the workers' settings say again how many calls may leave an account."""
    limits.follow_settings(named(accounts, name).id, change)
    return [f"the limit of account {name} is what SEGMIND_RPM says, from a worker's next start on"]


def set_transport(
    store: AccountStore, accounts: list[Account], transport: Transport | None, change: Change
) -> list[str]:
    """Say how models are called; None: as the catalog says."""
    must_be_there(accounts)
    for one in accounts:
        store.set_transport(one.id, transport, change)
    how = "as the catalog says" if transport is None else f"by {transport}"
    return [f"account {one.name} calls all models {how}, from the next call on" for one in accounts]


def resume(
    store: AccountStore, accounts: list[Account], what: str | None, change: Change
) -> list[str]:
    """End what an operator has to end: his own pause, and those of models. `what`: of the account of
    this name alone, or of the model.

    Where there is none of these, the account's pause for whatever reason.
    """
    chosen = [one for one in accounts if one.name == what]
    model = None if chosen else what
    chosen = chosen or accounts
    by_hand = [] if model else [one for one in chosen if one.paused_for is PauseReason.OPERATOR]
    done = _resume_accounts(store, by_hand, change)
    done += _resume_models(store, [store.get(one.id) for one in chosen], model, change)
    if done:
        return done
    return resume_accounts(store, chosen, change)


def resume_accounts(store: AccountStore, accounts: list[Account], change: Change) -> list[str]:
    """End the accounts' own pauses, whatever they are for; a rate limit ends by itself."""
    done = _resume_accounts(store, accounts, change)
    return done or ["nothing was paused" + _of_limits(accounts)]


def must_be_there(accounts: list[Account]) -> None:
    """Raises `ComplaintError` where there is none to change."""
    if not accounts:
        raise ComplaintError("there is no account yet: the first worker makes it when it starts")


def _resume_models(
    store: AccountStore, accounts: list[Account], model: str | None, change: Change
) -> list[str]:
    paused = [(one, pause.model) for one in accounts for pause in store.model_pauses(one.id)]
    names = sorted({name for _, name in paused})
    if model is not None and model not in names:
        which = f"paused are: {', '.join(names)}" if names else "no model is"
        raise ComplaintError(f"{model} is not paused; {which}")
    now = datetime.now(UTC)
    resumed = [
        (account, name)
        for account, name in paused
        if model in {None, name} and store.resume_model(account.id, name, change)
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


def _resume_accounts(store: AccountStore, accounts: list[Account], change: Change) -> list[str]:
    return [
        f"account {account.name} goes on; it paused for: {account.paused_for}"
        for account in accounts
        if account.paused_for and store.resume(account.id, account.paused_for, change)
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
