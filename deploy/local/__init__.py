"""One machine: the engines, their credentials, and the supervisor of `./dev up`.

Standard library and psycopg only, so that a start stays quick.
"""
