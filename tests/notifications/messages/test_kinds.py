from notifications.messages.kinds import KINDS, MessageKind


def test_every_message_kind_has_an_entry_in_the_registry():
    assert set(KINDS) == set(MessageKind)
