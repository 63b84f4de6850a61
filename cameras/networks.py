"""Which networks cameras may be in: the decision about an address, without a look at the network."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# No camera is here, but what a cloud tells its machines about themselves is, passwords included.
REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "fe80::/10",
        "fd00:ec2::254/128",  # metadata of Amazon over IPv6
        "100.100.100.200/32",  # metadata of Alibaba
        "168.63.129.16/32",  # the host of Azure's machines
        "224.0.0.0/4",  # multicast
        "ff00::/8",
    )
)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks in CIDR notation, separated by commas. Raises ValueError with the one that is none."""
    return tuple(ipaddress.ip_network(entry) for part in text.split(",") if (entry := part.strip()))


def may_hold_cameras(address: str, networks: Iterable[Network]) -> bool:
    """Whether a camera may be at this IP address: in one of `networks`; without any, everywhere but in REFUSED."""
    found = _plain(ipaddress.ip_address(address.partition("%")[0]))
    networks = tuple(networks)
    if networks:
        return any(found in network for network in networks)
    return not any(found in network for network in REFUSED)


def _plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that the system connects to as such."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
