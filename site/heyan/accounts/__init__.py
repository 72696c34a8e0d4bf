"""Accounts, sign-in, sessions and second factors of all three realms."""
