from payments.gateway.redaction import redact


def test_redaction_hides_personal_data():
    event = {
        "payload": {"payment": {"entity": {"id": "pay_1", "email": "a@b.c", "vpa": "x@y", "notes": ["n"], "amount": 5}}}
    }

    assert redact(event) == {
        "payload": {"payment": {"entity": {"id": "pay_1", "email": "…", "vpa": "…", "notes": "…", "amount": 5}}}
    }
