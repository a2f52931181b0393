"""Rates with few events: exact tests and bounds, and the overdispersion that weakens them."""
