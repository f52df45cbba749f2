"""A fleet of real local processes with scripted trouble, and Quarterdeck watching it: ``make demo``."""
