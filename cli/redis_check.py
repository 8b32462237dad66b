"""A look at the Redis that a user has named, before anything is started that depends on it."""

from collections.abc import Callable

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.retry import Retry

from cli.complaint import ComplaintError
from cli.shown_url import shown_url

# Seconds to connect, and for an answer.
_PATIENCE = 3.0


def check_redis(url: str, say: Callable[[str], None]) -> None:
    """Raises `ComplaintError` when it cannot be used; says a warning when it may lose tickets.

    No password is shown.
    """
    with open_redis(url) as redis:
        where = shown_url(url)
        try:
            redis.ping()
            policy = _eviction(redis)
        except AuthenticationError as error:
            raise ComplaintError(
                f"Redis at {where} refuses the user or password of REDIS_URL: {error}"
            ) from error
        except RedisError as error:
            raise ComplaintError(f"Redis at {where} {_trouble(error)} (REDIS_URL)") from error
    if policy not in {None, "noeviction"}:
        say(
            f"WARNING: Redis at {where} has maxmemory-policy {policy}: when its memory is full it "
            "drops tickets and limits silently; set it to noeviction"
        )


def open_redis(url: str) -> Redis:
    """A client that gives up soon. Raises `ComplaintError` for a URL that cannot be used."""
    try:
        return Redis.from_url(
            url,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            # Who asks says what to do without an answer.
            retry=Retry(NoBackoff(), 0),
        )
    except (ValueError, RedisError) as error:
        # Its words would hold pieces of the URL, such as a password with a slash in it.
        raise ComplaintError(
            "REDIS_URL cannot be read: it must be redis(s)://[user:password@]host[:port][/number], "
            "with what is special in a password as %2F and the like"
        ) from error


def _eviction(redis: Redis) -> str | None:
    """The server's policy. By INFO: managed servers often forbid CONFIG. None: it does not tell."""
    try:
        found = redis.info("memory")
    except ResponseError:
        return None
    return found.get("maxmemory_policy")


def _trouble(error: RedisError) -> str:
    words = str(error).strip().partition("\n")[0]
    if "CERTIFICATE_VERIFY_FAILED" in words:
        return (
            f"shows a certificate that is not trusted: {words}; name its authority by "
            "SSL_CERT_FILE, or ?ssl_ca_certs=FILE in the URL"
        )
    return f"does not answer: {words}"
