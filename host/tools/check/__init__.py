"""`make check`: asks, before a bus is deployed, whoever it will depend on; without a user."""
