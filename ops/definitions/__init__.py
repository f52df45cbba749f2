"""What people define and the platform goes out to look at: checks, queues and sources of breakers alike.

A slice brings its kinds, its columns and its engine; how definitions are written, edited and exported is the same.
"""
