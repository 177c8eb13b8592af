import pytest

from foundation.rate_limits.client_address import client_network, client_networks


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "198.51.100.7", "203.0.113.9"),
        (1, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (2, "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (1, "", "203.0.113.9"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "198.51.100.7:4711", "198.51.100.7"),
        (1, "[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        (1, "nonsense", "nonsense"),
    ],
)
def test_client_network_trusts_only_configured_proxies(rf, settings, proxies, forwarded, expected):
    settings.TRUSTED_PROXIES = proxies

    request = rf.get("/", REMOTE_ADDR="203.0.113.9", headers={"X-Forwarded-For": forwarded})

    assert client_network(request) == expected


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("203.0.113.9", {"203.0.113.9": 1}),
        ("::ffff:203.0.113.9", {"203.0.113.9": 1}),
        ("2001:db8:1:2:3:4:5:6", {"2001:db8:1:2::/64": 1, "2001:db8:1::/48": 10}),
    ],
)
def test_client_networks_of_ipv6_are_its_64_and_with_ten_times_the_limit_its_48(rf, address, networks):
    assert list(client_networks(rf.get("/", REMOTE_ADDR=address)).items()) == list(networks.items())
