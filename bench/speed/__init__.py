"""What methods cost: counted, timed, and against loops without shortcuts (``bench speed``)."""
