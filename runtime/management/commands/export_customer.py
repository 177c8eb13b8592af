"""Export the personal data of a customer, as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from bookings.models import Customer
from foundation.long_statements import long_statements
from foundation.personal_data import export_personal_data


class Command(BaseCommand):
    help = "Print the personal data of a customer as JSON. The id is in the URL of the customer's page in the admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("customer_id", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        customer = Customer.objects.filter(pk=options["customer_id"]).first()
        if customer is None:
            raise CommandError("There is no customer with this id.")
        with long_statements():
            data = export_personal_data(customer)
        self.stdout.write(json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2))
