#!/bin/sh
# Cancels the jobs with these numbers.
exec scancel "$@"
