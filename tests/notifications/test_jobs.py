import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage

from notifications.jobs import prepare_lanes, queue_drain
from runtime.queue import discard_unknown_jobs

pytestmark = pytest.mark.django_db(transaction=True)


class Unreadable:
    def __reduce__(self):
        return (__import__, ("a_module_that_nobody_has",))


def test_a_poisoned_job_is_discarded_and_the_healthy_stay():
    queue_drain(0)
    for payload in (
        SignedPackage.dumps({"func": Unreadable()}),
        "no package",
        SignedPackage.dumps({"func": "os.system"}),
    ):
        OrmQ.objects.create(key="daybook", payload=payload, lock=timezone.now())

    discard_unknown_jobs()

    assert [SignedPackage.loads(row.payload)["args"] for row in OrmQ.objects.all()] == [(0,)]


def test_unknown_schedules_are_deleted_and_malformed_ones_repaired():
    prepare_lanes()
    Schedule.objects.create(func="os.system", args="(((", schedule_type=Schedule.MINUTES, minutes=1)
    Schedule.objects.filter(name="drain 0").update(args="(((")

    prepare_lanes()
    discard_unknown_jobs()

    assert sorted(Schedule.objects.values_list("name", "args")) == [("drain 0", "(0,)"), ("drain 1", "(1,)")]
