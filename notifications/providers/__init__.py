"""The providers that messages are sent through. Each package knows one vendor's terms, outbound and inbound."""
