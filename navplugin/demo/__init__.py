"""The main job on one machine: a simulated NAV, till and AIQ, and the real worker over real HTTP."""
