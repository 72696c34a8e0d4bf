"""Where work accounts may be: the networks that the operator names, and nowhere else (S-077).

The site knows no map of the world and asks nobody for one; the operator names the office's and
the VPN's networks, or says that everywhere is allowed. Whoever is elsewhere, abroad too, neither
signs in nor goes on. A site on one's own machine that names none is for that machine alone.
"""

from __future__ import annotations

import ipaddress

from heyan.access import Realm
from heyan.settings import Settings

OWN_MACHINE = ("127.0.0.0/8", "::1/128")


def welcome(settings: Settings, realm: Realm, address: str) -> bool:
    """Tell whether someone of *realm* may be at *address*; students may be anywhere."""
    named = {Realm.STAFF: settings.staff_networks, Realm.ORGANIZER: settings.organizer_networks}
    if realm not in named:
        return True
    try:
        here = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(here, ipaddress.IPv6Address) and here.ipv4_mapped is not None:
        here = here.ipv4_mapped
    allowed = named[realm] or (() if settings.production else OWN_MACHINE)
    return any(here in ipaddress.ip_network(each) for each in allowed)
