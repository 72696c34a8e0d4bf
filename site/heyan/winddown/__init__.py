"""The end of the service: announced, approved by two, cancelled by two, and carried out."""
