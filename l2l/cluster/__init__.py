"""What l2l knows of a batch system: its commands, and nothing that stays running."""
