"""Receipt footers: template, layout, QR code, rows for NAV."""
