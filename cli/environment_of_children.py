"""The environment that every child of the supervisor gets: built from a list, not inherited."""

from collections.abc import Mapping

from cli.addresses import Addresses
from cli.credentials import Credentials
from cli.home import Home
from cli.settings import Settings
from cli.stores import Stores
from jobs.wire import SANDBOX_POOL

# What any program needs to find its files and to speak its user's language. PYTHONPATH is for
# running from a checkout that is not installed; the two SSL names for a company's own authority.
_PASSED_ON = frozenset(
    {
        "HOME",
        "LANG",
        "LC_ALL",
        "PATH",
        "PYTHONPATH",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
    }
)
_OURS = ("SEGQ_", "SEGMIND_")
_OF_S3 = ("AWS_",)
# Only the step that stores the key's hash is told it.
_NEVER_PASSED = "SEGQ_API_KEY"


def build_environment(
    environ: Mapping[str, str],
    settings: Settings,
    home: Home,
    addresses: Addresses,
    credentials: Credentials,
    stores: Stores,
) -> dict[str, str]:
    """What all children may be told; each is told what its `Service` needs of it.

    SEGQ_*, SEGMIND_* of the user pass, and AWS_* where images go to S3; what was checked is set anew.
    """
    ours = _OURS + _OF_S3 if stores.artifacts.startswith("s3://") else _OURS
    passed = {
        name: value
        for name, value in environ.items()
        if value and name != _NEVER_PASSED and (name in _PASSED_ON or name.startswith(ours))
    }
    made = {
        "DATABASE_URL": stores.database,
        "REDIS_URL": stores.redis,
        "SEGQ_ARTIFACTS": stores.artifacts,
        "SEGQ_HOME": str(home.path),
        "SEGQ_HOST": "127.0.0.1",
        "SEGQ_PORT": str(addresses.gateway),
        "SEGQ_SLOTS": str(settings.slots),
        "SEGQ_ENCRYPTION_KEY": settings.encryption_key or credentials.encryption_key,
        "SEGMIND_RPM": str(settings.rpm),
        "SEGMIND_TIMEOUT": f"{settings.timeout:g}",
        "PYTHONUNBUFFERED": "1",
    }
    base_url = settings.base_url or addresses.sandbox_url
    if base_url:
        made["SEGMIND_BASE_URL"] = base_url
    if addresses.sandbox_url:
        made["SEGMIND_API_KEY"] = credentials.sandbox_key
        made["SEGQ_POOL"] = SANDBOX_POOL
        # A proxy on another machine does not reach this one's loopback.
        made["SEGMIND_PROXY"] = ""
    return {**passed, **made}
