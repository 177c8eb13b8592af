import pytest

from foundation.rate_limits.client_address import client_network, client_networks, warn_about_ignored_proxy


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


@pytest.mark.parametrize(("proxies", "expected"), [(0, 1), (1, 0)])
def test_ignored_proxy_is_logged_once_and_names_the_setting(rf, settings, caplog, proxies, expected):
    settings.TRUSTED_PROXIES = proxies
    warn_about_ignored_proxy.cache_clear()

    client_network(rf.get("/"))
    before = len(caplog.records)
    for _ in range(2):
        client_network(rf.get("/", headers={"X-Forwarded-For": "198.51.100.7"}))

    assert before == 0
    assert ["TRUSTED_PROXIES" in record.getMessage() for record in caplog.records] == [True] * expected
