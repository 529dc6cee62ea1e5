"""Values and seams. Nothing here does I/O, and nothing here imports another part of navplugin."""
