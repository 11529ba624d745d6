"""The parts of jobs/submit.py and jobs/scaling.py."""
