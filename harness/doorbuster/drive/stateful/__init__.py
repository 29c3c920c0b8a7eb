"""Small workloads against the real function: one order at a time with a model beside it, and small crowds at once."""
