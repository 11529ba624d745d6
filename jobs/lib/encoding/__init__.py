"""What jobs/data/encode.py is made of: items, models, batches, features."""
