"""Makes the packages: a wheel with a built bus, and an npm package of the modules for hosts."""
