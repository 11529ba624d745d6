"""The figures of bench/plot.py."""
