"""What the bus serves: one module per area, each a class whose methods answer requests."""
