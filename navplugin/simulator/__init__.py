"""The other side, simulated: NAV with the POS session, and AIQ, over real HTTP. It judges the plugin, so it imports
only `navplugin.core` and `navplugin.nav.contract` (design.md 4)."""
