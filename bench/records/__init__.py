"""What the Python tools of jobs/ and bench/ share: reading records, the validity gate, statistics,
and how a tool refuses.
"""
