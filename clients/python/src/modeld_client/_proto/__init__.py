"""Messages of modeld.v1, generated when the package is built. Private."""
