"""Where staff and organizers may be: the operator's own networks, if any are named (S-077).

The site knows no map of the world and asks nobody for one; the operator names the office's and
the VPN's networks, and whoever is elsewhere, abroad too, neither signs in nor goes on.
"""

from __future__ import annotations

import ipaddress

from heyan.access import MFA_REALMS, Realm
from heyan.settings import Settings


def welcome(settings: Settings, realm: Realm, address: str) -> bool:
    """Tell whether someone of *realm* may be at *address*; students may be anywhere."""
    if realm not in MFA_REALMS or not settings.staff_networks:
        return True
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(here, ipaddress.IPv6Address) and here.ipv4_mapped is not None:
        here = here.ipv4_mapped
    return any(here in ipaddress.ip_network(each) for each in settings.staff_networks)
