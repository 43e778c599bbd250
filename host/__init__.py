"""Everything outside the iframe: the embed module, the build, the servers, the demo."""
