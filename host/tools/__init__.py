"""What builds a bus and its packages, makes the documents, and looks after the pins."""
