"""Tells in which IP networks cameras may be, so that the server connects to no others. Looks at IP addresses only:
resolves no names and sends nothing.
"""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# No camera is in these networks. Some hold metadata services of clouds, which give out credentials.
REFUSED_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "fe80::/10",
        "fd00:ec2::254/128",  # metadata service of Amazon over IPv6
        "100.100.100.200/32",  # metadata service of Alibaba
        "168.63.129.16/32",  # host agent of Azure
        "224.0.0.0/4",  # multicast
        "ff00::/8",
    )
)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Returns the networks in `text`: CIDR notation, separated by commas; none if it is empty. Raises a ValueError that
    names the invalid network.
    """
    return tuple(ipaddress.ip_network(entry) for part in text.split(",") if (entry := part.strip()))


def may_hold_cameras(address: str, networks: Iterable[Network]) -> bool:
    """Returns whether a camera may be at this IP address: in one of `networks`, or if there are none, in none of
    REFUSED_NETWORKS. Raises ValueError if `address` is no IP address.
    """
    networks = tuple(networks)
    return is_in(address, networks) if networks else not is_in(address, REFUSED_NETWORKS)


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Returns whether one of the networks contains this IP address. Raises ValueError if `address` is no IP address."""
    found = _plain(ipaddress.ip_address(address.partition("%")[0]))
    return any(found in network for network in networks)


def _plain(address: IpAddress) -> IpAddress:
    """Returns the IPv4 address in an IPv4-mapped IPv6 address, because the system connects to that one. Returns any
    other address as it is.
    """
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
