"""The typed settings of a worker, from `STREAMHOOKS_*` environment variables and an optional `.env` file."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from streamhooks.errors import BadSettings

GROUP_URL: Final = "{base_url}/organizations/{organization}/issues/{group}/"
EVENT_URL: Final = "{group_url}events/{event}/"
#: the fields of a template: slugs of organization and project, ids of group and event
GROUP_FIELDS: Final = ("base_url", "organization", "project", "group")
EVENT_FIELDS: Final = (*GROUP_FIELDS, "event", "group_url")
LEAST_TOKEN = 8
LEAST_CLUSTER_KEY = 16
_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
_PREFIX = "STREAMHOOKS_"
_OF_KUBERNETES = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_|$)")
_OF_TESTS = "STREAMHOOKS_TEST_"
_HOST = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
_BROKER = re.compile(rf"{_HOST}(?::[0-9]{{1,5}})?")


def _listed(value: Any) -> Any:
    """Return the parts of a comma-separated text as a tuple."""
    return tuple(part for part in (p.strip() for p in value.split(",")) if part) if isinstance(value, str) else value


def _brokers(value: Any) -> Any:
    """Return comma-separated `host` or `host:port`. With anything else, the start would wait until it gives up."""
    found = _listed(value)
    if not found or not all(_BROKER.fullmatch(str(broker)) for broker in found):
        raise ValueError("must be host:port, or several of them, separated by commas")
    return found


def _host(value: Any) -> Any:
    """Return a host without scheme and port (IPv6 with or without brackets): other workers put it into URLs."""
    if isinstance(value, str) and not (re.fullmatch(_HOST, value) or is_ipv6(value)):
        raise ValueError("must be a host name or an address, without scheme and port")
    return value


def _scoped(value: Any) -> Any:
    """Return comma-separated `scope:token` as pairs; errors don't show a token."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition(":")[::2] for part in _listed(value)]
    if any(scope not in ("read", "send", "write") or len(token) < LEAST_TOKEN for scope, token in pairs):
        text = "must be read:TOKEN, send:TOKEN or write:TOKEN, each token of at least"
        raise ValueError(f"{text} {LEAST_TOKEN} characters")
    return tuple(pairs)


def _fernet_keys(value: Any) -> Any:
    """Return comma-separated Fernet keys; errors don't show a key."""
    for number, key in enumerate(keys := _listed(value), 1):
        if not _FERNET_KEY.fullmatch(key):
            raise ValueError(f"key {number} is not a Fernet key (32 bytes in URL-safe base64)")
    return keys


def check_template(template: str, fields: tuple[str, ...]) -> str:
    """Return the template; raise ValueError if it has an unknown field, or does not make an http(s) URL."""
    try:
        named = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        sample = template.format(**{**dict.fromkeys(fields, "1"), "base_url": "http://1", "group_url": "http://1/"})
    except (ValueError, LookupError, AttributeError):
        named, sample = {""}, ""
    if not named <= set(fields):
        raise ValueError(f"can only have the fields {', '.join(f'{{{field}}}' for field in fields)}")
    if not sample.lower().startswith(("http://", "https://")):
        raise ValueError("must make an http:// or https:// URL")
    return template


def _template_of(fields: tuple[str, ...]) -> BeforeValidator:
    return BeforeValidator(lambda value: check_template(value, fields) if isinstance(value, str) else value)


def _cluster_keys(value: Any) -> Any:
    """Return comma-separated keys; errors don't show a key."""
    for number, key in enumerate(keys := _listed(value), 1):
        if len(key) < LEAST_CLUSTER_KEY:
            raise ValueError(f"key {number} has fewer than {LEAST_CLUSTER_KEY} characters")
    return keys


Brokers = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_brokers)]
Host = Annotated[str, BeforeValidator(_host)]
Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_listed)]
Tokens = Annotated[tuple[tuple[Literal["read", "send", "write"], str], ...], NoDecode, BeforeValidator(_scoped)]
FernetKeys = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_fernet_keys)]
ClusterKeys = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_cluster_keys)]
Delay = Annotated[float, Field(ge=0, le=30 * 86400, allow_inf_nan=False)]
Schedule = Annotated[tuple[Delay, ...], NoDecode, BeforeValidator(_listed), Field(min_length=1, max_length=50)]
Ports = Annotated[tuple[int, ...], NoDecode, BeforeValidator(_listed)]


class Settings(BaseSettings):
    """The settings of a worker. A variable is `STREAMHOOKS_` and the field's name in upper case."""

    model_config = SettingsConfigDict(env_prefix="STREAMHOOKS_", env_file=".env", extra="ignore", frozen=True)

    # Kafka
    brokers: Brokers = ("127.0.0.1:9092",)
    topic_prefix: str = Field("streamhooks.", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    partitions: int = Field(8, ge=1, le=1000)
    replication: int = Field(1, ge=1, le=10)
    start: Literal["earliest", "latest", "fail"] = "earliest"
    session_timeout: float = Field(10.0, ge=1, le=300)
    metadata_interval: float = Field(30.0, ge=1, le=300)
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: str | None = Field(None, repr=False)
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    schema_registry: str | None = Field(None, pattern=r"^https?://[^\s/]+[^\s]*$", repr=False)

    sources: Path | None = None

    fetcher: Literal["librdkafka", "aiokafka"] = "librdkafka"
    call_timeout: float = Field(30.0, ge=0.1, le=86400)

    # the web views
    web_bind: str = "127.0.0.1"
    web_port: int = Field(6066, ge=1, le=65535)
    api_token: str | None = Field(None, min_length=LEAST_TOKEN, repr=False)
    api_tokens: Tokens = Field((), repr=False)
    advertise: Host | None = None
    web_tls_cert: Path | None = None
    web_tls_key: Path | None = None
    web_tls_ca: Path | None = None
    cluster_keys: ClusterKeys = Field((), repr=False)
    cluster_skew: float = Field(30.0, gt=0, le=3600)

    # deliveries
    base_url: str = Field("http://127.0.0.1:6066", pattern=r"^https?://[^\s]+$")
    group_url: Annotated[str, _template_of(GROUP_FIELDS)] = GROUP_URL
    event_url: Annotated[str, _template_of(EVENT_FIELDS)] = EVENT_URL
    allowed_networks: Networks = ()
    denied_networks: Networks = ()
    allowed_ports: Ports = ()
    retry_delay: float = Field(300.0, gt=0, le=30 * 86400)
    retry_schedule: Schedule | None = None
    max_retries: int | None = Field(None, ge=0, le=1000)
    request_timeout: float = Field(5.0, gt=0, le=120)
    max_in_flight: int = Field(1000, ge=1, le=100_000)
    hook_max_in_flight: int = Field(50, ge=1, le=10_000)
    host_connections: int = Field(100, ge=1, le=100_000)
    max_unsettled: int = Field(5000, ge=1, le=1_000_000)
    max_unsettled_mb: int = Field(64, ge=4, le=65_536)
    max_body: int = Field(1_000_000, ge=1024)
    breaker: bool = True
    resume_rate: float = Field(500.0, gt=0, le=100_000)
    failing_days: float = Field(5.0, gt=0, le=365)
    idempotence_window: float = Field(0.0, ge=0, le=86400)
    max_hops: int = Field(5, ge=1, le=100)
    secret_keys: FernetKeys = Field((), repr=False)
    secret_overlap: float = Field(86400.0, ge=0, le=7 * 86400)
    log_bodies: bool = True

    # this worker
    otlp_endpoint: str | None = Field(None, pattern=r"^https?://[^\s]+$")
    data_dir: Path = Path("data")
    grace: float = Field(5.0, ge=0, le=50)
    task_modules: Listed = ()
    unknown_task_days: float = Field(7.0, gt=0, le=365)

    @model_validator(mode="after")
    def _is_safe_to_start(self) -> Settings:
        if not (self.api_token or self.api_tokens) and not is_loopback(self.web_bind):
            text = f"is required, because STREAMHOOKS_WEB_BIND={self.web_bind} is not loopback"
            raise ValueError(f"API_TOKEN (or STREAMHOOKS_API_TOKENS) {text}")
        for given, other in (("CERT", "KEY"), ("KEY", "CERT")):
            if getattr(self, f"web_tls_{given.lower()}") and not getattr(self, f"web_tls_{other.lower()}"):
                raise ValueError(f"WEB_TLS_{other} is required, because STREAMHOOKS_WEB_TLS_{given} is set")
        if self.security_protocol.startswith("SASL") and not (
            self.sasl_mechanism and self.sasl_username and self.sasl_password
        ):
            raise ValueError(
                "SASL_MECHANISM, SASL_USERNAME and SASL_PASSWORD are required for SECURITY_PROTOCOL=SASL_*"
            )
        return self

    @property
    def advertised_host(self) -> str:
        """Return the host under which other workers reach this worker's views."""
        if self.advertise:
            return self.advertise
        if self.web_bind in ("0.0.0.0", "::", ""):
            return socket.gethostname()
        return self.web_bind

    @property
    def advertised_url(self) -> str:
        """Return the base URL under which other workers reach this worker's views."""
        host, scheme = self.advertised_host, "https" if self.web_tls_cert else "http"
        return f"{scheme}://{f'[{host}]' if is_ipv6(host) else host}:{self.web_port}"

    @property
    def app_id(self) -> str:
        """Return the consumer group of the delivering app, with the prefix: two installations may share one Kafka."""
        return f"{self.topic_prefix}worker"

    @property
    def bootstrap_servers(self) -> str:
        """Return the brokers in librdkafka's form."""
        return ",".join(self.brokers)


class ClientSettings(BaseSettings):
    """The settings with which the command line calls a worker; a worker reads the same `STREAMHOOKS_API_TOKEN`."""

    model_config = SettingsConfigDict(env_prefix="STREAMHOOKS_", env_file=".env", extra="ignore", frozen=True)

    url: str = "http://127.0.0.1:6066"
    api_token: str | None = Field(default=None, repr=False)
    web_tls_ca: Path | None = None


def is_ipv6(host: str) -> bool:
    """Tell whether this is an IPv6 address without brackets, which it needs in a URL."""
    try:
        return ip_address(host).version == 6
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Tell whether a host (a name, or an address without brackets) is only reachable from this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of this process; raise BadSettings with one line that names each invalid variable."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise BadSettings("; ".join(_named(e) for e in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"the file .env with STREAMHOOKS_* settings can't be read: {error}") from None


def _named(error: Any) -> str:
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return f"STREAMHOOKS_{message}"
    return f"STREAMHOOKS_{str(error['loc'][0]).upper()}: {message}"


def unknown_settings(given: Iterable[str]) -> list[tuple[str, str]]:
    """Return variable names that look like settings but are unknown, each with the nearest setting.

    The variables that Kubernetes sets for a service called streamhooks or streamhooks-* are left out.
    """
    known = {_PREFIX + name.upper() for one in (Settings, ClientSettings) for name in one.model_fields}
    names = (name for name in given if name.upper().startswith(_PREFIX) and name.upper() not in known)
    return [
        (name, get_close_matches(name.upper(), known, 1, cutoff=0.0)[0])
        for name in sorted(names)
        if not _OF_KUBERNETES.search(name) and not name.startswith(_OF_TESTS)
    ]
