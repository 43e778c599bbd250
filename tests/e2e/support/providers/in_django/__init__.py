"""What runs in the environment of django-oauth-toolkit: nothing here imports the rest of the project."""
