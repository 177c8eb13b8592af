"""Client for a running sandbox: read its log, change its settings, inject faults."""

from __future__ import annotations

from typing import Any

import requests

from sandbox.options import Credentials

Entry = dict[str, Any]
ACCEPTED = ("message.accepted", "email.accepted")
CHANNELS_WITH_RECEIPTS = ("sms", "whatsapp")
SIMULATED_CHANNELS = (*CHANNELS_WITH_RECEIPTS, "email")  # SMTP reports nothing after accepting a message


class SandboxClient:
    """The control endpoints of a sandbox. Every method raises requests.HTTPError if the sandbox refuses the request."""

    def __init__(self, http_url: str) -> None:
        self.http_url = http_url
        self._session = requests.Session()

    def log(self, after: int = 0, kind: str | None = None) -> list[Entry]:
        """Return the log's entries after sequence number ``after``, oldest first."""
        query = {"after": after, **({"kind": kind} if kind else {})}
        entries: list[Entry] = self._call("GET", "/sandbox/log", params=query)["entries"]
        return entries

    def accepted(self) -> list[Entry]:
        """Return every message that a provider accepted, on all simulated channels."""
        return [entry for entry in self.log() if entry["kind"] in ACCEPTED]

    def set(self, **settings: float) -> None:
        """Change settings; sandbox.options.Settings lists their names."""
        self._call("PUT", "/sandbox/settings", json=settings)

    def settings(self) -> Entry:
        return self._call("GET", "/sandbox/settings")

    def reset_settings(self) -> None:
        self._call("DELETE", "/sandbox/settings")

    def pay(self, order_id: str, **options: Any) -> dict[str, str]:
        """Pay an order; return the three values that Checkout returns."""
        checkout_response: dict[str, str] = self._call("POST", f"/sandbox/orders/{order_id}/pay", json=options)
        return checkout_response

    def fail(self, order_id: str) -> Entry:
        return self._call("POST", f"/sandbox/orders/{order_id}/fail")

    def late_authorize(self, payment_id: str, *, capture: bool = False) -> Entry:
        return self._call("POST", f"/sandbox/payments/{payment_id}/late-authorize", json={"capture": capture})

    def auto_refund(self, payment_id: str) -> Entry:
        return self._call("POST", f"/sandbox/payments/{payment_id}/auto-refund")

    def dashboard_refund(self, payment_id: str, amount: int | None = None) -> Entry:
        options = {} if amount is None else {"amount": amount}
        return self._call("POST", f"/sandbox/payments/{payment_id}/refund", json=options)

    def dispute(self, payment_id: str, /, **fields: Any) -> Entry:
        """Dispute a captured payment; return the dispute."""
        return self._call("POST", f"/sandbox/payments/{payment_id}/dispute", json=fields)

    def change_dispute(self, dispute_id: str, event: str, **fields: Any) -> Entry:
        """Let the bank change a dispute: under_review, action_required, won, lost or closed."""
        return self._call("POST", f"/sandbox/disputes/{dispute_id}/{event}", json=fields)

    def process_refund(self, refund_id: str) -> Entry:
        return self._call("POST", f"/sandbox/refunds/{refund_id}/process")

    def fail_refund(self, refund_id: str) -> Entry:
        return self._call("POST", f"/sandbox/refunds/{refund_id}/fail")

    def webhooks(self, after: int = 0) -> list[Entry]:
        """Return the gateway's events after number ``after``, posted or held: seq, event_id, event, body, signature."""
        events: list[Entry] = self._call("GET", "/sandbox/webhooks", params={"after": after})["webhooks"]
        return events

    def replay_webhook(self, event_id: str) -> Entry:
        return self._call("POST", f"/sandbox/webhooks/{event_id}/replay")

    def set_webhook_url(self, url: str) -> None:
        self._call("PUT", "/sandbox/webhook-url", json={"url": url})

    def gateway(self, path: str) -> Entry:
        """Return the gateway's response to a GET request, such as ``/v1/payments?count=100``."""
        credentials = Credentials()
        return self._call("GET", path, auth=(credentials.razorpay_key_id, credentials.razorpay_key_secret))

    def _call(self, method: str, path: str, **options: Any) -> Entry:
        response = self._session.request(method, self.http_url + path, timeout=10, **options)
        if not response.ok:
            raise requests.HTTPError(f"{response.status_code}: {response.text}", response=response)
        body: Entry = response.json()
        return body
