"""What the encryption of payloads costs."""
