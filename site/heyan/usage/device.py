"""What a browser says of its device, shortened until it no longer tells one owner from another."""

from __future__ import annotations

import ipaddress
import re

_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_ANDROID = re.compile(
    r"Android [\d.]+;(?: [a-z]{2}-[a-z]{2};)? ([\w .+()-]{2,40}?)(?: Build/|[;)])"
)


def system_of(user_agent: str) -> str:
    """Return the operating system without its version; empty when it is not said."""
    return next((name for mark, name in _SYSTEMS if mark in user_agent), "")


def device_of(user_agent: str) -> str:
    """Return the model that an Android browser names, or the family of the device."""
    if found := _ANDROID.search(user_agent):
        return found[1].strip()
    for mark in ("iPhone", "iPad", "Macintosh", "Windows"):
        if mark in user_agent:
            return mark
    return ""


def network_of(address: str) -> str:
    """Return the network of *address*: the first 24 bits of IPv4, 48 of IPv6 (S-037)."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    bits = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found, bits), strict=False))
