"""Running a plan: the scheduler, the states of jobs, progress, the launchers."""
