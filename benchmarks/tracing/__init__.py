"""What distributed traces cost."""
