"""Shared by the Python tools of jobs/ and bench/: readers of records, the check of validity,
statistics, and error messages.
"""
