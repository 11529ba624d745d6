"""What the recipes of jobs/data share: reading downloads, writing sets, the command line."""
