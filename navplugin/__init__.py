"""navplugin: the worker between the 365 Cannabis point of sale on Dynamics NAV and AIQ loyalty."""

__version__ = "0.1.0"
