"""The sandbox's page: the messages that were accepted, and the orders to pay or fail."""

from __future__ import annotations

import time
from html import escape

from sandbox.state import Entry, State

MAX_ITEMS = 60

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 0 auto; padding: 1rem }
ol, ul { list-style: none; padding: 0 }
li { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem;
  padding: .6rem .8rem; margin: .5rem 0; overflow-wrap: anywhere }
pre { white-space: pre-wrap; margin: .3rem 0 0; font: inherit }
small { opacity: .75 }
form { display: inline }
button { font: inherit; padding: .4rem 1rem; margin: .3rem .3rem 0 0 }
"""


def render(state: State) -> str:
    """Return the page, which makes no external requests."""
    accepted = [entry for entry in state.log.entries if entry["kind"] in ("message.accepted", "email.accepted")]
    open_orders = [order for order in state.orders.values() if order["status"] != "paid"]
    message_items = "".join(_message_item(state, entry) for entry in reversed(accepted[-MAX_ITEMS:]))
    order_items = "".join(map(_order_item, reversed(open_orders[-MAX_ITEMS:])))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sandbox</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style><h1>Sandbox</h1><p>Nothing here left this machine.</p>"
        f"<h2>Orders to pay ({len(open_orders)})</h2><ul>{order_items}</ul>"
        f"<h2>Sent ({len(accepted)})</h2><ol>{message_items}</ol></html>"
    )


def _order_item(order: Entry) -> str:
    label = f"{order['currency']} {order['amount'] / 100:.2f} · {order['receipt'] or order['id']}"
    buttons = "".join(
        f'<form method="post" action="/sandbox/orders/{order["id"]}/{verb}"><button>{verb.title()}</button></form>'
        for verb in ("pay", "fail")
    )
    return f"<li>{escape(label)} <small>{escape(order['status'])}</small><br>{buttons}</li>"


def _message_item(state: State, entry: Entry) -> str:
    status = state.messages[entry["sid"]]["status"] if "sid" in entry else "in the mailbox"
    head = f"{entry['channel']} to {entry['to']} · {status} · {time.time() - entry['at']:.0f} s ago"
    subject = f"<strong>{escape(entry['subject'])}</strong>" if entry.get("subject") else ""
    return f"<li><small>{escape(head)}</small><br>{subject}<pre>{escape(entry['body'])}</pre></li>"
