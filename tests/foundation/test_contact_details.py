import pytest

from foundation.contact_details import contains_contact_details


@pytest.mark.parametrize(
    "name",
    [
        "Win at bit.ly/x",
        "evil.com",
        "EVIL.COM",
        "Meera evil.com.",
        "see evil.co.in now",
        "evil．com",
        "evil。com",
        "www.रमेश.भारत",
        "xn--e1afmkfd.xn--p1ai",
        "https://localhost/x",
        "meera@example.com",
        "meera＠example",
        "+91 98123 40003",
        "call 1800-11-2233",
        "(040) 123 45",
        "9876–5432–10",
        "98·76·54·32·10",
        "98_76_54_32_10",
        "९८१२३४०००३",
        "code 12345",
        "1.2.3.4/x",
    ],
)
def test_contact_details_are_found(name):
    assert contains_contact_details(name)


@pytest.mark.parametrize(
    "name",
    [
        "Meera Iyer",
        "S.Ramesh",
        "J.R.R. Tolkien",
        "Dr. Rao",
        "मीरा अय्यर",
        "O'Neil-Smith",
        "Ravi 2",
        "St. Mary's School 1234",
        "Anne-Marie, Jr.",
        "c/o Meera",
        "Sons & Co.",
    ],
)
def test_names_are_not_contact_details(name):
    assert not contains_contact_details(name)
