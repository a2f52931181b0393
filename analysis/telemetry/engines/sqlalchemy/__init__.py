"""PostgreSQL, and other databases that both SQLAlchemy and sqlglot support."""
