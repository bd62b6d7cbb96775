#!/bin/sh
# Prints running, success or failed for the job with this number.
# Slurm's controller remembers a job for some minutes after its end, its accounting database for longer.
state=$(scontrol --oneliner show job "$1" 2>/dev/null | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p')
if [ -z "$state" ]; then
    state=$(sacct --allocations --noheader --parsable2 --format=State --jobs="$1" 2>/dev/null | head -n 1)
fi
case "$state" in
COMPLETED) echo success ;;
PENDING | CONFIGURING | RUNNING | COMPLETING | STOPPED | SUSPENDED | REQUEUED | REQUEUE_HOLD | RESIZING | SIGNALING | STAGE_OUT) echo running ;;
"")
    # The job is unknown: check again later if the controller did not answer, else it is lost.
    if scontrol ping 2>/dev/null | grep -q "is UP"; then echo failed; else echo running; fi
    ;;
*) echo failed ;;
esac
