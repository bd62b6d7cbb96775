#!/bin/sh
# Cancels the jobs of these numbers.
exec scancel "$@"
