"""Where checks may connect: judged when saved, and again on the address dialled."""

import ipaddress

import pytest

from core.egress import AddressPolicy, Endpoint, TargetRefused

STRICT = AddressPolicy(own_stores=frozenset({Endpoint("10.0.0.5", 5432), Endpoint("db.internal", 5432)}))
LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))

NEVER = [
    "169.254.169.254", "169.254.1.1", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "0.1.2.3", "224.0.0.1", "ff02::1",
    "255.255.255.255", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "::ffff:169.254.169.254",
    "::169.254.169.254", "2002:a9fe:a9fe::1", "64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00::", "2001:0:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:5601:5601",
    "192.0.0.192", "fd20:ce::254", "64:ff9b:1:808:8:800:a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00:808:808",
]  # fmt: skip
LOOPBACKS = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"]
ALLOWED = [
    "10.1.2.3", "192.168.1.1", "172.16.0.9", "8.8.8.8", "2606:4700::1111", "fd12::1", "100.64.0.1", "192.0.0.191",
    "192.0.0.193", "fd20:ce::253", "64:ff9b:2::a9fe:a9fe", "64:ff9b:1:808:8:800:808:808",
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("policy", [STRICT, LOOPBACK], ids=["strict", "loopback-open"])
def test_some_addresses_are_never_dialled(policy: AddressPolicy, address: str) -> None:
    with pytest.raises(TargetRefused):
        policy.check_address(address, 80)
    with pytest.raises(TargetRefused):
        policy.check_host(address, 80)


def test_not_even_when_the_operator_opens_every_network() -> None:
    with pytest.raises(TargetRefused):
        AddressPolicy(allow=(ipaddress.ip_network("0.0.0.0/0"),)).check_address("169.254.169.254", 80)


@pytest.mark.parametrize("address", LOOPBACKS)
def test_loopback_is_for_the_operator_to_open(address: str) -> None:
    LOOPBACK.check_address(address, 80)
    LOOPBACK.check_host(address, 80)
    with pytest.raises(TargetRefused, match="QUARTERDECK_PROBE_ALLOW_CIDRS"):
        STRICT.check_address(address, 80)


@pytest.mark.parametrize("address", ALLOWED)
def test_private_and_public_addresses_are_the_job(address: str) -> None:
    STRICT.check_address(address, 80)
    STRICT.check_host(address, 80)


@pytest.mark.parametrize(
    "host",
    ["0x7f.1", "2130706433", "017700000001", "127.1", "0x7F000001", "127.0.0.1.", "[::1]", "LOCALHOST", "localhost.",
     "a.localhost", "\uff11\uff12\uff17.0.0.1", "%31%32%37.0.0.1", "ip6-localhost"],
)  # fmt: skip
def test_loopback_is_known_in_every_spelling(host: str) -> None:
    LOOPBACK.check_host(host, 80)
    with pytest.raises(TargetRefused):
        STRICT.check_host(host, 80)


@pytest.mark.parametrize("host", ["metadata.google.internal", "0xa9fea9fe", "2852039166", "169.254.43518"])
def test_metadata_is_known_in_every_spelling(host: str) -> None:
    with pytest.raises(TargetRefused, match="never probed"):
        LOOPBACK.check_host(host, 80)


def test_the_own_stores_are_refused_by_name_and_address_but_not_their_neighbours() -> None:
    for host in ("10.0.0.5", "db.internal", "DB.internal.", "::ffff:10.0.0.5"):
        with pytest.raises(TargetRefused, match="own store"):
            STRICT.check_host(host, 5432)
        STRICT.check_host(host, 8080)
    STRICT.check_host("10.0.0.6", 5432)
    opened = AddressPolicy(allow=(ipaddress.ip_network("10.0.0.0/8"),), own_stores=STRICT.own_stores)
    opened.check_address("10.0.0.5", 5432)


def test_names_are_left_to_the_address_they_resolve_to() -> None:
    STRICT.check_host("payments.example.com", 443)
