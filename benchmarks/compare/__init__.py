"""The same load on several systems in turn."""
