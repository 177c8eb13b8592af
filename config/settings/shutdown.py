"""How long a graceful stop takes at most. Each step ends before the one around it times out:

service manager: kills every process, by its own setting                              60 or more
  run: stops web and worker at the same time, and kills what is left after            RUN_STOP_SECONDS      37
    web: finishes its requests; gunicorn kills what is left after                     WEB_STOP_SECONDS      25
    worker: stops its cluster, and kills what is left after                           CLUSTER_STOP_SECONDS  33
      lanes: finish what is in flight, and record what is unanswered as unknown after STOP_GRACE_SECONDS    25
        attempt: Twilio responds, or it times out after                                                     13
                 a mail server may take minutes: what was not handed over by then is queued again
"""

import os

STOP_GRACE_SECONDS = 25
CLUSTER_STOP_SECONDS = STOP_GRACE_SECONDS + 8  # to record the outcomes, and to end django-q2's processes
WEB_STOP_SECONDS = 25
RUN_STOP_SECONDS = CLUSTER_STOP_SECONDS + 4
# Once this file exists, the worker is stopping: lanes and jobs start nothing new. manage.py worker sets it.
STOP_FILE = os.environ.get("DAYBOOK_STOP_FILE", "")
