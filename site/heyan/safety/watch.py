"""What accounts do that people are to look at: noted here, compared in the worker."""

from __future__ import annotations

import ipaddress
import uuid
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.db import blind_index
from heyan.jobs import Job, defer
from heyan.safety.models import SafetySource
from heyan.settings_limits import SafetyLimits

# An IPv6 customer has a network of their own; two addresses of it are one source.
_V6_CUSTOMER = 64
# Two addresses in one of these count as the same network: coarse, so that few are disturbed.
_V4_NETWORK, _V6_NETWORK = 16, 32


def source_of(address: str) -> str:
    """Return what counts as one source; empty when *address* is none."""
    return _prefix(address, 32, _V6_CUSTOMER)


def network_of(address: str) -> str:
    """Return the wider network of *address*: /16 of IPv4, /32 of IPv6; empty when it is none."""
    return _prefix(address, _V4_NETWORK, _V6_NETWORK)


def _prefix(address: str, v4: int, v6: int) -> str:
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(here, ipaddress.IPv6Address) and here.ipv4_mapped is not None:
        here = here.ipv4_mapped
    length = v4 if here.version == 4 else v6
    return str(ipaddress.ip_network((here, length), strict=False))


def account_opened(
    session: Session, limits: SafetyLimits, account_id: uuid.UUID, address: str
) -> None:
    """Note from where an account was opened, in the caller's transaction; nobody is refused."""
    source = source_of(address)
    if not source:
        return
    index, moment = blind_index(source, "safety.source"), clock.now()
    session.add(SafetySource(account_id=account_id, source_index=index, at=moment))
    session.flush()
    since = moment - timedelta(hours=limits.safety_source_hours)
    count = session.scalar(
        select(func.count()).where(SafetySource.source_index == index, SafetySource.at >= since)
    )
    if (count or 0) >= limits.safety_accounts_per_source:
        _check(session, account_id)


def signed_in_anew(session: Session, account_id: uuid.UUID) -> None:
    """Have a sign-in on an unknown device compared with the one before, after the commit."""
    _check(session, account_id)


def _check(session: Session, account_id: uuid.UUID) -> None:
    defer(session, Job.CHECK_ACCOUNT, lock=f"safety:{account_id}", account_id=account_id)
