"""What local steps save."""
