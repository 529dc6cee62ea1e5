"""NAV: the contract of pages, and the adapters that read and write them."""
